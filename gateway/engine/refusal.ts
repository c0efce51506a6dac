// Decides whether a request can be queued. Pure.
import { type RoutingShape, routingFault } from '../../router/routing/request-routing.ts';
import { fault, notReady } from './faults.ts';
import type { GenerationError, GenerationRequest, MissingUnits } from './messages.ts';

interface Capacity {
  closing: boolean;
  vocab: number;
  shape: RoutingShape;
  /** Most positions of a sequence. */
  context: number;
  /** Number of positions for which the whole KV memory has room. */
  kvPositions: number;
  missing: readonly MissingUnits[];
  waiting: number;
  maxWaiting: number;
  /** Waiting requests of the same tenant. Absent for a request without a tenant, which may take the last place of the queue. */
  ownWaiting?: number;
}

/** The error with which the request is refused; undefined if it can be queued. */
export function refusal(
  request: Pick<
    GenerationRequest,
    'prompt' | 'known' | 'unreported' | 'maxTokens' | 'routing' | 'expertCapacity' | 'weight'
  >,
  capacity: Capacity,
): GenerationError | undefined {
  const { prompt, maxTokens, routing = {}, expertCapacity, weight = 1, known = new Int32Array() } = request;
  const { unreported = known.length } = request;
  const { closing, vocab, shape, context, kvPositions, missing } = capacity;
  if (closing) return fault('shutting_down', 'the server is shutting down');
  if (prompt.length === 0) return fault('invalid_request', 'the prompt has no tokens');
  if (maxTokens < 0) return fault('invalid_request', 'max_tokens must be at least 0');
  const unroutable = routingFault(routing, shape);
  if (unroutable !== undefined) return fault('invalid_request', unroutable);
  if (expertCapacity !== undefined && !(expertCapacity > 0))
    return fault('invalid_request', `expert_capacity is ${expertCapacity}, not a number above 0`);
  if (known.length > maxTokens) {
    return fault('invalid_request', `${known.length} known tokens do not fit into an answer of ${maxTokens}`);
  }
  if (unreported > known.length) {
    return fault('invalid_request', `${unreported} of ${known.length} known tokens cannot be unreported`);
  }
  const isUnknown = (id: number) => id < 0 || id >= vocab;
  const unknown = prompt.find(isUnknown) ?? known.find(isUnknown);
  if (unknown !== undefined) {
    return fault('invalid_request', `token id ${unknown} is outside the vocabulary of ${vocab}`);
  }
  const reach = prompt.length + maxTokens;
  if (reach > context) {
    const wanted = `${reach} tokens (${prompt.length} of prompt, ${maxTokens} of answer)`;
    return fault('context_length_exceeded', `${wanted} are more than the context of ${context}`);
  }
  if (reach > kvPositions) {
    const message = `${reach} tokens are more than the ${kvPositions} that the KV memory holds`;
    return fault('context_length_exceeded', message);
  }
  if (missing.length > 0) return notReady(missing);
  return queueFull(capacity, weight);
}

/**
 * A request is refused unless its tenant's waiting requests are fewer than the tenant's weight times the free places in the
 * queue. So each tenant leaves room for others.
 */
function queueFull(
  { waiting, maxWaiting, ownWaiting = 0 }: Capacity,
  weight: number,
): GenerationError | undefined {
  const free = maxWaiting - waiting;
  if (free > 0 && ownWaiting < weight * free) return undefined;
  const message =
    free > 0
      ? `${ownWaiting} requests of this key are waiting already; the other places are kept for other keys`
      : `${maxWaiting} requests are waiting already`;
  return fault('queue_full', message, { retryAfterMs: 1000 });
}
