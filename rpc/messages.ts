// The three message types of MessagePack-RPC, and their parser. Knows no bytes and no methods.
import { printable, shown } from '../base/text.ts';
import { isRpcErrorCode, RpcError } from './errors.ts';
import type { Params, Value } from './transport.ts';

export type Message =
  | { type: 'request'; id: number; method: string; params: Params }
  | { type: 'response'; id: number; error: RpcError | undefined; result: Value }
  | { type: 'notification'; method: string; params: Params };

const MAX_ID = 0xffff_ffff;
/** Most characters of a peer's error code and message. The rest is cut off. */
const LONGEST_CODE = 64;
const LONGEST_MESSAGE = 512;
/** Largest `retryAfterMs`. Larger values count as this one. */
export const LONGEST_RETRY_MS = 60_000;

/** The array that is encoded. */
export function messageToValue(message: Message): Value[] {
  switch (message.type) {
    case 'request':
      return [0, message.id, message.method, message.params];
    case 'response':
      return message.error === undefined
        ? [1, message.id, null, message.result]
        : [1, message.id, errorToValue(message.error), null];
    case 'notification':
      return [2, message.method, message.params];
  }
}

/** Throws `invalid` unless `value` has the shape of one of the three types. */
export function parseMessage(value: Value): Message {
  if (!Array.isArray(value)) throw new RpcError('invalid', 'a message must be an array');
  switch (value[0]) {
    case 0: {
      const [, id, method, params] = ofLength(value, 4);
      return { type: 'request', id: parseId(id), method: parseMethod(method), params: parseParams(params) };
    }
    case 1: {
      const [, id, error, result = null] = ofLength(value, 4);
      const failed = error !== null && error !== undefined;
      return { type: 'response', id: parseId(id), error: failed ? parseError(error) : undefined, result };
    }
    case 2: {
      const [, method, params] = ofLength(value, 3);
      return { type: 'notification', method: parseMethod(method), params: parseParams(params) };
    }
    default:
      throw new RpcError(
        'invalid',
        'a message must start with 0 (request), 1 (response) or 2 (notification)',
      );
  }
}

export function errorToValue(error: RpcError): Params {
  const { code, message, retryable, retryAfterMs } = error;
  return retryAfterMs === undefined
    ? { code, message, retryable }
    : { code, message, retryable, retryAfterMs: Math.ceil(retryAfterMs) };
}

/** Parses a peer's error. An unknown code becomes `internal`, and the message names it. */
export function parseError(value: Value): RpcError {
  if (!isMap(value)) throw new RpcError('invalid', 'an error must be a map {code, message, retryable}');
  const { code, message, retryAfterMs } = value;
  if (typeof code !== 'string' || typeof message !== 'string') {
    throw new RpcError('invalid', "an error's code and message must be strings");
  }
  const text = printable(message, LONGEST_MESSAGE);
  if (!isRpcErrorCode(code)) return new RpcError('internal', `${printable(code, LONGEST_CODE)}: ${text}`);
  if (retryAfterMs === undefined || retryAfterMs === null) return new RpcError(code, text);
  if (typeof retryAfterMs !== 'number' || !Number.isFinite(retryAfterMs) || retryAfterMs < 0) {
    throw new RpcError('invalid', `retryAfterMs must be milliseconds, not ${shown(retryAfterMs)}`);
  }
  return new RpcError(code, text, { retryAfterMs: Math.min(Math.ceil(retryAfterMs), LONGEST_RETRY_MS) });
}

export function isMap(value: Value | undefined): value is Params {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function ofLength(value: Value[], length: number): Value[] {
  if (value.length !== length) {
    throw new RpcError('invalid', `a message of type ${value[0]} must have ${length} elements`);
  }
  return value;
}

function parseId(id: Value | undefined): number {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_ID) {
    throw new RpcError('invalid', 'a message id must be an integer from 0 to 4294967295');
  }
  return id;
}

function parseMethod(method: Value | undefined): string {
  if (typeof method !== 'string' || method.length === 0 || method.length > 64) {
    throw new RpcError('invalid', 'a method must be a string of 1 to 64 characters');
  }
  return method;
}

function parseParams(params: Value | undefined): Params {
  if (!isMap(params)) throw new RpcError('invalid', 'params must be a map');
  return params;
}
