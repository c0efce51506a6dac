// Writes rate limits in HTTP: OpenAI's x-ratelimit headers, and the 429 of a request that exceeds a limit.
import { ApiError, retryHeaders } from '../errors.ts';
import type { Reading } from './rate-buckets.ts';
import type { Exceeded, LimitKind } from './rate-limits.ts';

/** The state of the limits that a key has. */
type Readings = { requests?: Reading; tokens?: Reading };

/** Headers such as `x-ratelimit-remaining-tokens`, for the limits that the key has. */
export function rateHeaders(readings: Readings): Record<string, string> {
  const headers = Object.entries(readings).flatMap(([kind, { limit, remaining, resetMs }]) => [
    [`x-ratelimit-limit-${kind}`, String(limit)],
    [`x-ratelimit-remaining-${kind}`, String(remaining)],
    [`x-ratelimit-reset-${kind}`, formatDuration(resetMs)],
  ]);
  return Object.fromEntries(headers);
}

/** A duration in the format of Go and of OpenAI's headers: `0s`, `20ms`, `1.5s`, `6m0s`, `1h0m0s`. */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms) / 1000;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = `${Number((seconds % 60).toFixed(3))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

const words: Record<LimitKind, (limit: number) => string> = {
  requests: (limit) => `${limit} requests a minute`,
  tokens: (limit) => `${limit} tokens a minute`,
  concurrency: (limit) => `${limit} requests at once`,
};

/** If the request has more tokens than a full bucket, the error says not to try again. */
export function rateError(
  key: string,
  { kind, limit, asked, retryMs }: Exceeded,
  readings: Readings = {},
): ApiError {
  const again = Number.isFinite(retryMs);
  const advice = again
    ? `Please try again in ${formatDuration(retryMs)}.`
    : `The request has ${asked}, which exceeds the limit itself. Send a shorter one.`;
  return new ApiError({
    status: 429,
    message: `Rate limit reached for the key '${key}': ${words[kind](limit)}. ${advice}`,
    type: kind === 'tokens' ? 'tokens' : 'requests',
    code: 'rate_limit_exceeded',
    headers: {
      ...rateHeaders(readings),
      'x-should-retry': String(again),
      ...(again && retryHeaders(retryMs)),
    },
  });
}
