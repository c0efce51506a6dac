// A stream that is cut anywhere and continued by another gateway has the events of the stream that was not cut.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uniform } from '../../../../gateway/engine/sampling/random.ts';
import { type NanoGateway, requests, startNanoGateway } from '../../../support/resume/room.ts';
import {
  type Block,
  blocksOf,
  headOf,
  recordOf,
  type SignedOptions,
  signedRequest,
} from '../../../support/resume/signed.ts';

/** Places at which each stream is cut. */
const CUTS = 4;

let first: NanoGateway;
let second: NanoGateway;

beforeAll(async () => {
  first = await startNanoGateway();
  second = await startNanoGateway({ draftPrice: 0.3, prefillRows: 24 });
});
afterAll(async () => {
  await first.close();
  await second.close();
});

async function stream({ app }: NanoGateway, options: SignedOptions): Promise<string> {
  const response = await app.fetch(signedRequest(options));
  const text = await response.text();
  expect([response.status, response.status === 200 ? '' : text]).toEqual([200, '']);
  return text;
}

/** The parsed events by choice, without what may differ; see `comparable`. */
function eventsByChoice(all: readonly Block[]): Map<unknown, unknown[]> {
  const values = all.flatMap(({ event }) => {
    const data = event.split('\n').find((line) => line.startsWith('data: '));
    if (data === undefined) return [];
    const json = data.slice('data: '.length);
    return [json === '[DONE]' ? json : JSON.parse(json, comparable)];
  });
  return Map.groupBy(values, (value) => value.choices?.[0]?.index ?? 'none');
}

const varies = new Set([
  'cached_tokens',
  'expert_calls',
  'cache_read_input_tokens',
  'input_tokens',
  'completed_at',
]);

/**
 * Leaves out the numbers of cached tokens and of calls, the time of the end, and the seed: the first event of a stream has it, and of several choices
 * another one may be the first.
 */
function comparable(key: string, value: unknown): unknown {
  if (varies.has(key)) return 'varies';
  if (key !== 'expertgrid') return value;
  const { seed: _, ...rest } = value as Record<string, unknown>;
  return Object.keys(rest).length > 0 ? rest : undefined;
}

/** The whole blocks of a stream that was cut after `share` (0–1) of its bytes, without its last block. */
function cutOff(text: string, share: number): Block[] {
  const last = blocksOf(text).length - 1;
  return blocksOf(text.slice(0, Math.floor(share * text.length))).slice(0, last);
}

/** Cuts the stream of a request, and then cuts what continues it. Returns the events of the whole stream and with the cuts. */
async function cutTwice(request: SignedOptions, shares: readonly [number, number]) {
  const undisturbed = await stream(first, request);
  const answer = headOf(undisturbed);
  const before = cutOff(undisturbed, shares[0]);
  const record = recordOf(before);
  const repeated = { ...request, claims: { ...request.claims, answer } };
  const rest = await stream(second, { ...repeated, ...(record && { record }) });
  const again = cutOff(rest, shares[1]);
  const both = recordOf([...before, ...again]);
  const last = await stream(first, { ...repeated, ...(both && { record: both }) });
  return {
    whole: eventsByChoice(blocksOf(undisturbed)),
    once: eventsByChoice([...before, ...blocksOf(rest)]),
    twice: eventsByChoice([...before, ...again, ...blocksOf(last)]),
  };
}

describe.each(requests)('$name', ({ name, path, body }) => {
  const request = { path, body: { model: 'nano', ...body, stream: true } };
  const share = (cut: number, at: number) => uniform(name.length, cut, at);

  test(`continues after each of ${CUTS} cuts, and after a cut of what continues`, async () => {
    for (let cut = 0; cut < CUTS; cut++) {
      const { whole, once, twice } = await cutTwice(request, [share(cut, 0), share(cut, 1)]);
      expect([cut, once]).toEqual([cut, whole]);
      expect([cut, twice]).toEqual([cut, whole]);
    }
  });
});

const sampled = fc.record(
  {
    prompt: fc.oneof(
      fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
      fc.array(fc.nat(4000), { minLength: 1, maxLength: 60 }),
    ),
    n: fc.integer({ min: 1, max: 3 }),
    max_tokens: fc.integer({ min: 1, max: 30 }),
    temperature: fc.constantFrom(0, 0.5, 1, 1.7),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    top_p: fc.constantFrom(1, 0.9, 0.3),
    top_k: fc.constantFrom(0, 5, 50),
    min_p: fc.constantFrom(0, 0.05),
    presence_penalty: fc.constantFrom(0, 1.5),
    frequency_penalty: fc.constantFrom(0, 0.7),
    repetition_penalty: fc.constantFrom(1, 1.4),
    min_tokens: fc.integer({ min: 0, max: 1 }),
    ignore_eos: fc.boolean(),
    echo: fc.boolean(),
    logprobs: fc.constantFrom(0, 1, 4),
    stop: fc.array(fc.constantFrom('e', ' the', '\n', 'th', 'and then', '.', 'a'), { maxLength: 3 }),
    include_stop_str_in_output: fc.boolean(),
    skip_special_tokens: fc.boolean(),
    return_token_ids: fc.boolean(),
    expertgrid: fc.record({ digests: fc.boolean(), routes: fc.boolean() }),
    stream_options: fc.record({ include_usage: fc.boolean() }),
  },
  { requiredKeys: ['prompt', 'max_tokens', 'seed'] },
);

test('any request continues after any two cuts', { timeout: 180_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      sampled,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (body, ...shares) => {
        const request = { path: '/v1/completions', body: { model: 'nano', ...body, stream: true } };
        const { whole, once, twice } = await cutTwice(request, shares);
        expect(once).toEqual(whole);
        expect(twice).toEqual(whole);
      },
    ),
    { numRuns: 60 },
  );
});
