// Errors that cross the wire or come from losing it: code, retryable, retry-after. Knows no experts, no HTTP.
import { errorText } from '../base/error-text.ts';

export const rpcErrorCodes = [
  /** The connection was lost or never made. */
  'unavailable',
  /** The deadline passed before an answer came. */
  'deadline',
  /** The caller gave up. */
  'cancelled',
  /** The peer's queue is full; try again after `retryAfterMs` or elsewhere. */
  'busy',
  /** The peer is leaving service. */
  'draining',
  /** The peer does not hold what was asked for. */
  'not_held',
  /** The request is malformed or breaks a limit; sending it again will not help. */
  'invalid',
  /** It was meant to change something that somebody else has changed first. */
  'conflict',
  'unknown_method',
  /** Versions or model identities differ. */
  'incompatible',
  /** The peer does not leave service: it holds what nobody else serves. */
  'needed',
  /** The other side's secret or certificate is missing, wrong or not allowed here. */
  'unproven',
  'internal',
] as const;

export type RpcErrorCode = (typeof rpcErrorCodes)[number];

export function isRpcErrorCode(value: unknown): value is RpcErrorCode {
  return rpcErrorCodes.some((code) => code === value);
}

export class RpcError extends Error {
  readonly code: RpcErrorCode;
  /** Sent again, to this peer later or to another one now, the call may succeed. */
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: RpcErrorCode, message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RpcError';
    this.code = code;
    this.retryable = code === 'unavailable' || code === 'deadline' || code === 'busy' || code === 'draining';
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Any thrown value as an RpcError; what is not one already was unforeseen, so it is `internal`. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError('internal', errorText(error), { cause: error });
}
