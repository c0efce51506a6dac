// The headers that tell a client what is left of its limits.
import { expect, test } from 'vitest';
import { anthropicRateHeaders, rateHeaders } from '../../tenancy/rate-headers.ts';

const readings = {
  requests: { limit: 60, remaining: 59, resetMs: 1_000 },
  tokens: { limit: 5_000, remaining: 0, resetMs: 61_500 },
};

test("OpenAI's headers have durations", () => {
  expect(rateHeaders(readings)).toEqual({
    'x-ratelimit-limit-requests': '60',
    'x-ratelimit-remaining-requests': '59',
    'x-ratelimit-reset-requests': '1s',
    'x-ratelimit-limit-tokens': '5000',
    'x-ratelimit-remaining-tokens': '0',
    'x-ratelimit-reset-tokens': '1m1.5s',
  });
});

test("Anthropic's headers have times", () => {
  const now = Date.UTC(2026, 11, 1);
  expect(anthropicRateHeaders({ tokens: readings.tokens }, now)).toEqual({
    'anthropic-ratelimit-tokens-limit': '5000',
    'anthropic-ratelimit-tokens-remaining': '0',
    'anthropic-ratelimit-tokens-reset': '2026-12-01T00:01:01.500Z',
  });
});
