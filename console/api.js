// Calls the gateway's HTTP API, with an API key if the gateway needs one. Throws an ApiError if the gateway answers with an error.
import { askKey, storedKey } from './key.js';

/** Address of the API. It is relative to this file, because a proxy may put the gateway below a prefix. */
const root = new URL('../', import.meta.url);
/** A GET request that takes longer fails. */
const PATIENCE_MS = 10_000;

/** An error answer of the gateway. `code` is the code in its body. */
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
 * @param {{ accept?: number[] }} [options] accept: error statuses that are returned and not thrown
 * @returns {Promise<Response>}
 */
export function get(path, { accept = [] } = {}) {
  return request(path, () => ({ signal: AbortSignal.timeout(PATIENCE_MS) }), accept);
}

/** @type {(path: string, body: object, signal: AbortSignal) => Promise<Response>} */
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
    // Another request may have asked the user for a key in the meantime.
    if (response.status === 401 && (storedKey() !== key || (await askKey()))) continue;
    throw await errorOf(response);
  }
}

/** @type {(response: Response) => Promise<ApiError>} */
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
