// The 429 of a request that exceeds a limit of its key.
import { formatDuration } from '../../../tenancy/durations.ts';
import type { EdgeError } from '../errors.ts';
import type { Exceeded } from './meter.ts';

/** What the request may use at most. */
interface Asked {
  promptTokens: number;
  answerTokens: number;
}

/** A budget is free again this soon if only open requests stand in the way. */
const SOON_MS = 1_000;

const words: Record<Exceeded['kind'], (limit: number) => string> = {
  requests: (limit) => `${limit} requests a minute`,
  tokens: (limit) => `${limit} tokens a minute`,
  concurrency: (limit) => `${limit} requests at once`,
  budget: (limit) => `${limit} tokens a month`,
};

/** OpenAI's clients tell a spent budget from a rate by its type, and do not repeat the request. */
const types: Record<Exceeded['kind'], string> = {
  requests: 'requests',
  tokens: 'tokens',
  concurrency: 'requests',
  budget: 'insufficient_quota',
};

export function limitError(key: string, exceeded: Exceeded, asked: Asked): EdgeError {
  const { kind, limit, retryMs } = exceeded;
  const again = Number.isFinite(retryMs);
  const code = kind === 'budget' ? 'insufficient_quota' : 'rate_limit_exceeded';
  const retryAfter = Math.ceil(retryMs / 1000);
  return {
    status: 429,
    message: `Rate limit reached for the key '${key}': ${words[kind](limit)}. ${needs(exceeded, asked)}${adviceOf(exceeded)}`,
    type: types[kind],
    code,
    headers: {
      'x-should-retry': String(again && (kind !== 'budget' || retryMs <= SOON_MS)),
      ...(again && { 'retry-after': String(retryAfter), 'retry-after-ms': String(Math.ceil(retryMs)) }),
    },
  };
}

function needs({ kind, left }: Exceeded, { promptTokens, answerTokens }: Asked): string {
  if (kind !== 'tokens' && kind !== 'budget') return '';
  const rest = left === undefined ? '' : `, and ${left} are left`;
  return `The request may use ${promptTokens + answerTokens}: up to ${promptTokens} for its prompt and ${answerTokens} for its answer${rest}. `;
}

function adviceOf({ retryMs }: Exceeded): string {
  if (!Number.isFinite(retryMs))
    return 'This exceeds the limit itself: send a shorter prompt, or a lower max_tokens.';
  return `Please try again in ${formatDuration(retryMs)}.`;
}
