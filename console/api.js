// The gateway's HTTP API as the page calls it: with a key where one is wanted, errors as exceptions. Knows no view.
import { askKey, storedKey } from './key.js';

/** The page may lie below a prefix: the API lies beside it. */
const root = new URL('../', import.meta.url);
const PATIENCE_MS = 10_000;

/** An answer that is none. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{ status: number, code?: string }} details
   */
  constructor(message, { status, code }) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {{ accept?: number[] }} [options] statuses beside 200 whose body is an answer
 * @returns {Promise<Response>}
 */
export function get(path, { accept = [] } = {}) {
  return request(path, () => ({ signal: AbortSignal.timeout(PATIENCE_MS) }), accept);
}

/**
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} signal
 * @returns {Promise<Response>}
 */
export function post(path, body, signal) {
  const headers = { 'content-type': 'application/json' };
  return request(path, () => ({ method: 'POST', headers, body: JSON.stringify(body), signal }), []);
}

/**
 * @param {string} path
 * @param {() => RequestInit} init made anew for each attempt
 * @param {number[]} accept
 * @returns {Promise<Response>}
 */
async function request(path, init, accept) {
  for (;;) {
    const key = storedKey();
    const { headers, ...rest } = init();
    const response = await fetch(new URL(path, root), {
      ...rest,
      headers: { ...headers, ...(key !== null && { authorization: `Bearer ${key}` }) },
    });
    if (response.ok || accept.includes(response.status)) return response;
    // Another request may have brought a key meanwhile.
    if (response.status === 401 && (storedKey() !== key || (await askKey()))) continue;
    throw await errorOf(response);
  }
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function errorOf(response) {
  const { status } = response;
  const text = await response.text();
  try {
    const { message, code } = JSON.parse(text).error;
    return new ApiError(String(message), { status, code });
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError)
      return new ApiError(`The gateway answered ${status}.`, { status });
    throw cause;
  }
}
