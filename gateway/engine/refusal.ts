// Why a request cannot even wait, if so. Pure; knows no queue and no device.
import { fault, notReady } from './faults.ts';
import type { GenerationError, GenerationRequest, MissingUnits } from './messages.ts';

export interface Capacity {
  closing: boolean;
  vocab: number;
  layers: number;
  experts: number;
  /** Most positions of a sequence. */
  context: number;
  /** Positions that fit the KV memory, all of it given to one sequence. */
  kvPositions: number;
  missing: readonly MissingUnits[];
  waiting: number;
  maxWaiting: number;
  /** Of those that wait, the tenant's; absent where it is nobody's in particular, who may take what is left. */
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

/** However many ask, each tenant leaves room for others: it may have as much of the queue as is still free (by weight, times). */
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
