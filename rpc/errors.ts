// Errors that cross the wire or come from losing it: code, retryable, retry-after. Knows no experts, no HTTP.

export type RpcErrorCode =
  /** The connection was lost or never made. */
  | 'unavailable'
  /** The deadline passed before an answer came. */
  | 'deadline'
  /** The caller gave up. */
  | 'cancelled'
  /** The peer's queue is full; try again after `retryAfterMs` or elsewhere. */
  | 'busy'
  /** The peer is leaving service. */
  | 'draining'
  /** The peer does not hold what was asked for. */
  | 'not_held'
  /** The request is malformed or breaks a limit; sending it again will not help. */
  | 'invalid'
  | 'unknown_method'
  /** Versions or model identities differ. */
  | 'incompatible'
  | 'internal';

export class RpcError extends Error {
  readonly code: RpcErrorCode;
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
