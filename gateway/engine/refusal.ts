// Why a request cannot be queued, if it cannot. Pure.
import { fault, notReady } from './faults.ts';
import type { GenerationError, GenerationRequest, MissingUnits } from './messages.ts';

export interface Capacity {
  closing: boolean;
  vocab: number;
  layers: number;
  experts: number;
  /** Most positions of a sequence. */
  context: number;
  /** Positions of a single sequence that has all KV memory. */
  kvPositions: number;
  missing: readonly MissingUnits[];
  waiting: number;
  maxWaiting: number;
  /** Waiting requests of the same tenant. Absent if the request has no tenant; it may then fill the queue. */
  ownWaiting?: number;
}

export function refusal(
  {
    prompt,
    maxTokens,
    expertsPerToken,
    weight = 1,
  }: Pick<GenerationRequest, 'prompt' | 'maxTokens' | 'expertsPerToken' | 'weight'>,
  capacity: Capacity,
): GenerationError | undefined {
  const { closing, vocab, layers, experts, context, kvPositions, missing } = capacity;
  if (closing) return fault('shutting_down', 'the server is shutting down');
  if (prompt.length === 0) return fault('invalid_request', 'the prompt has no tokens');
  if (maxTokens < 0) return fault('invalid_request', 'max_tokens must be at least 0');
  if (expertsPerToken !== undefined) {
    const sound = expertsPerToken.every((k) => Number.isInteger(k) && k >= 1 && k <= experts);
    if (!sound || expertsPerToken.length !== layers) {
      return fault('invalid_request', `experts_per_token is not ${layers} numbers from 1 to ${experts}`);
    }
  }
  const stranger = prompt.find((id) => id < 0 || id >= vocab);
  if (stranger !== undefined) {
    return fault('invalid_request', `token id ${stranger} is outside the vocabulary of ${vocab}`);
  }
  const reach = prompt.length + maxTokens;
  if (reach > context) {
    const asked = `${reach} tokens (${prompt.length} of prompt, ${maxTokens} of answer)`;
    return fault('context_length_exceeded', `${asked} are more than the context of ${context}`);
  }
  if (reach > kvPositions) {
    return fault(
      'context_length_exceeded',
      `${reach} tokens are more than the ${kvPositions} that the KV memory holds`,
    );
  }
  if (missing.length > 0) return notReady(missing);
  return queueFull(capacity, weight);
}

/** Each tenant leaves room for others: it may hold as much of the queue as is still free, times its weight. */
function queueFull(
  { waiting, maxWaiting, ownWaiting = 0 }: Capacity,
  weight: number,
): GenerationError | undefined {
  const free = maxWaiting - waiting;
  if (free > 0 && ownWaiting < weight * free) return undefined;
  const message =
    free > 0
      ? `${ownWaiting} requests of this key are waiting already; the rest of the queue is kept for others`
      : `${maxWaiting} requests are waiting already`;
  return fault('queue_full', message, { retryAfterMs: 1000 });
}
