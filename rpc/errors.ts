// Errors of calls: sent by the peer, or caused by a lost connection or a deadline.
import { errorText } from '../base/error-text.ts';

export const rpcErrorCodes = [
  /** The connection was lost or never made. */
  'unavailable',
  /** The deadline passed before an answer came. */
  'deadline',
  /** The caller gave up. */
  'cancelled',
  /** The peer's queue is full. Try again after `retryAfterMs`, or call another peer. */
  'busy',
  /** The peer is leaving service. */
  'draining',
  /** The peer does not hold the requested expert or model. */
  'not_held',
  /** The request is malformed or breaks a limit. It would fail again. */
  'invalid',
  /** Another caller has applied its placement first. */
  'conflict',
  'unknown_method',
  /** Versions or model identities differ. */
  'incompatible',
  /** The peer stays in service, because some of its units are served by no other shard. */
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
  /** The call may succeed at this peer later, or at another peer now. */
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

/** Turns any thrown value into an RpcError. Values other than RpcErrors are unexpected, so they get the code `internal`. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  return new RpcError('internal', errorText(error), { cause: error });
}
