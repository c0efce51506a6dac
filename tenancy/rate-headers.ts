// Writes the state of rate limits into headers: OpenAI's x-ratelimit and Anthropic's anthropic-ratelimit.
import { formatDuration } from './durations.ts';
import type { Reading } from './rate-buckets.ts';

/** The state of the limits that a key has. */
export interface Readings {
  requests?: Reading;
  tokens?: Reading;
}

/** Headers such as `x-ratelimit-remaining-tokens`, for the limits that the key has. */
export function rateHeaders(readings: Readings): Record<string, string> {
  const headers = Object.entries(readings).flatMap(([kind, { limit, remaining, resetMs }]) => [
    [`x-ratelimit-limit-${kind}`, String(limit)],
    [`x-ratelimit-remaining-${kind}`, String(remaining)],
    [`x-ratelimit-reset-${kind}`, formatDuration(resetMs)],
  ]);
  return Object.fromEntries(headers);
}

/** Headers such as `anthropic-ratelimit-tokens-remaining`. The time of a reset is in RFC 3339. `now` is in Unix milliseconds. */
export function anthropicRateHeaders(readings: Readings, now: number): Record<string, string> {
  const headers = Object.entries(readings).flatMap(([kind, { limit, remaining, resetMs }]) => [
    [`anthropic-ratelimit-${kind}-limit`, String(limit)],
    [`anthropic-ratelimit-${kind}-remaining`, String(remaining)],
    [`anthropic-ratelimit-${kind}-reset`, new Date(now + resetMs).toISOString()],
  ]);
  return Object.fromEntries(headers);
}
