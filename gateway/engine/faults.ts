// The errors that end a generation, with the messages that clients receive.
import { NoHolder } from '../../router/delivery/stand-in.ts';
import type { RpcError, RpcErrorCode } from '../../rpc/errors.ts';
import type { GenerationError, MissingUnits } from './messages.ts';

const retryableCodes: ReadonlySet<GenerationError['code']> = new Set([
  'queue_full',
  'answer_memory',
  'shard_unavailable',
  'deadline_exceeded',
  'shutting_down',
]);

export function fault(
  code: GenerationError['code'],
  message: string,
  { retryAfterMs }: { retryAfterMs?: number } = {},
): GenerationError {
  return {
    code,
    message,
    retryable: retryableCodes.has(code),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** The error if some experts are on no connected shard. Its message names missing experts of at most three layers. */
export function notReady(missing: readonly MissingUnits[]): GenerationError {
  const named = missing.slice(0, 3).map(({ layer, experts }) => `experts ${experts} of layer ${layer}`);
  const more = missing.length > 3 ? ` and ${missing.length - 3} layers more` : '';
  return fault('shard_unavailable', `no connected shard holds ${named.join(', ')}${more}`, {
    retryAfterMs: 1000,
  });
}

/** The error that a client receives for each code of a failed call. The shard's own message and address are only logged. */
const clientErrors: Record<RpcErrorCode, [GenerationError['code'], string]> = {
  unavailable: ['shard_unavailable', 'an expert shard was lost'],
  draining: ['shard_unavailable', 'an expert shard is leaving service'],
  not_held: ['shard_unavailable', 'an expert shard no longer holds an expert'],
  busy: ['shard_unavailable', 'the expert shards are busy'],
  cancelled: ['shard_unavailable', 'a call to an expert shard was cancelled'],
  deadline: ['deadline_exceeded', 'the expert shards did not answer in time'],
  invalid: ['internal', 'an expert shard refused a call'],
  unknown_method: ['internal', 'an expert shard refused a call'],
  incompatible: ['internal', 'an expert shard refused a call'],
  conflict: ['internal', 'an expert shard refused a call'],
  needed: ['internal', 'an expert shard refused a call'],
  unproven: ['internal', 'an expert shard refused a call'],
  internal: ['internal', 'an expert shard failed'],
};

/** The error for a row that no shard answered. */
export function callFailed(error: RpcError): GenerationError {
  const [code, message] = clientErrors[error.code];
  // The message of NoHolder names the missing expert. Clients may know it: `/health/ready` also names missing experts.
  const text = error instanceof NoHolder ? error.message : message;
  return fault(code, text, retryableCodes.has(code) ? { retryAfterMs: error.retryAfterMs ?? 1000 } : {});
}
