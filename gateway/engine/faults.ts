// What goes wrong with a generation, as the caller will hear it. Knows no HTTP.
import type { RpcError } from '../../rpc/errors.ts';
import type { GenerationError, MissingUnits } from './messages.ts';

const RETRYABLE: ReadonlySet<GenerationError['code']> = new Set([
  'queue_full',
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
    retryable: RETRYABLE.has(code),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** No connected shard holds some expert. */
export function notReady(missing: readonly MissingUnits[]): GenerationError {
  const named = missing.slice(0, 3).map(({ layer, experts }) => `experts ${experts} of layer ${layer}`);
  const more = missing.length > 3 ? ` and ${missing.length - 3} layers more` : '';
  return fault('shard_unavailable', `no connected shard holds ${named.join(', ')}${more}`, {
    retryAfterMs: 1000,
  });
}

/** A shard did not answer for some row. */
export function callFailed(error: RpcError): GenerationError {
  const { code, message, retryAfterMs = 1000 } = error;
  if (code === 'deadline')
    return fault('deadline_exceeded', `an expert shard was too slow: ${message}`, { retryAfterMs });
  if (error.retryable || code === 'cancelled' || code === 'not_held') {
    return fault('shard_unavailable', `an expert shard did not answer: ${message}`, { retryAfterMs });
  }
  return fault('internal', `an expert shard failed: ${message}`);
}
