// Writes the 429 of a request that exceeds a limit of its key.

import { formatDuration } from '../../../tenancy/durations.ts';
import { type Readings, rateHeaders } from '../../../tenancy/rate-headers.ts';
import { ApiError, retryHeaders } from '../errors.ts';
import type { Exceeded, LimitKind } from './rate-limits.ts';

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
