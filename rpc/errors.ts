// Errors of calls, from the peer or from losing it: code, retryable, retry-after.
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
  /** Another caller has changed first what this call was to change. */
  'conflict',
  'unknown_method',
  /** Versions or model identities differ. */
  'incompatible',
  /** The peer does not leave service, because it holds units that no other shard serves. */
  'needed',
  /** The other side's credentials (secret or certificate) are missing, wrong or not allowed here. */
  'unproven',
  'internal',
] as const;

export type RpcErrorCode = (typeof rpcErrorCodes)[number];

export function isRpcErrorCode(value: unknown): value is RpcErrorCode {
  return rpcErrorCodes.some((code) => code === value);
}

export class RpcError extends Error {
  readonly code: RpcErrorCode;
  /** The call may succeed if it is sent again, to this peer later or to another one now. */
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

/** Any thrown value as an RpcError; one that is no RpcError was not expected, so it becomes `internal`. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError('internal', errorText(error), { cause: error });
}
