// Calls the gateway's HTTP API, with an API key if one is needed. Errors become exceptions.
import { askKey, storedKey } from './key.js';

/** The page may be below a prefix. The API is next to it. */
const root = new URL('../', import.meta.url);
const PATIENCE_MS = 10_000;

/** An error that the gateway returned. */
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
 * @param {{ accept?: number[] }} [options] error statuses whose body is an answer
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
 * @param {() => RequestInit} init called for each attempt
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
    // Another request may have asked for a key in the meantime.
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
