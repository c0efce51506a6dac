// Structured outputs that are made to be expensive: each is refused or enforced, and the stream of another client continues
// meanwhile.
import OpenAI, { BadRequestError } from 'openai';
import { beforeAll, expect, it } from 'vitest';
import { type Nano, requireIdle, startNano } from './nano.ts';
import { LONG } from './weather.ts';

/** Longest time between two events of the other client's stream, on a machine that is busy with tests. */
const SILENCE_MS = 4_000;

let nano: Nano;
let client: OpenAI;
beforeAll(async () => {
  nano = await startNano();
  client = new OpenAI({ baseURL: nano.baseURL, apiKey: 'none', maxRetries: 0, fetch: nano.fetch });
});

const many = <Value>(count: number, make: (i: number) => Value) =>
  Array.from({ length: count }, (_, i) => make(i));
const object = (count: number, make: (i: number) => object) => {
  return { type: 'object', properties: Object.fromEntries(many(count, (i) => [`p${i}`, make(i)])) };
};
const doubled = {
  $defs: Object.fromEntries(
    many(40, (i) => {
      const next = { $ref: `#/$defs/d${i + 1}` };
      const pair = { type: 'object', properties: { a: next, b: next }, required: ['a', 'b'] };
      return [`d${i}`, i === 39 ? { type: 'null' } : pair];
    }),
  ),
  $ref: '#/$defs/d0',
};
const eitherOf = (i: number) => ({
  anyOf: ['a', 'b'].map((name) => ({ properties: { [name + i]: { const: i } }, required: [name + i] })),
});

it.each<[string, Record<string, unknown>]>([
  ['nested counts', { guided_regex: '((a{1000}){1000}){1000}' }],
  ['nested stars', { guided_regex: '((((a*)*)*)*)*b' }],
  ['an end 200 characters after any start', { guided_regex: '.*a.{200}b.*' }],
  ['more possible ends than the limit', { guided_regex: '.*[a-z].{5000}b.*' }],
  ['hundreds of alternatives', { guided_regex: `(${many(300, (i) => `.*x{${i}}`).join('|')})` }],
  ['an ambiguous grammar', { guided_grammar: 'root ::= s\ns ::= "a" s s | "a" s | "a"' }],
  ['long choices that begin alike', { guided_choice: many(1000, (i) => `${'x'.repeat(50)}${i}`) }],
  ['a very long choice', { guided_choice: ['x'.repeat(60_000)] }],
  ['a tree of 2^40 values', { guided_json: doubled }],
  ['nested alternatives', { guided_json: { type: 'object', allOf: many(8, eitherOf) } }],
  ['more alternatives than the limit', { guided_json: { type: 'object', allOf: many(30, eitherOf) } }],
  ['a thousand properties in any order', { guided_json: object(1000, () => ({ type: 'integer' })) }],
  ['a pattern that spans 3,000 characters', { guided_json: { type: 'string', pattern: '[a-z].{3000}b' } }],
  [
    'many patterns',
    { guided_json: object(100, () => ({ type: 'string', pattern: '^([a-z]{1,50}-){1,50}[0-9]+$' })) },
  ],
  ['thousands of values', { guided_json: { enum: many(2000, (a) => ({ a, b: `x${a}` })) } }],
  ['a text of a billion characters', { guided_json: { type: 'string', minLength: 1e9 } }],
])('%s', async (_, fields) => {
  const begin = {
    model: 'nano',
    prompt: 'The sea',
    max_tokens: LONG,
    stream: true as const,
    ...{ ignore_eos: true },
  };
  const stream = await client.completions.create(begin);
  let [last, silence, chunks] = [performance.now(), 0, 0];
  const reading = (async () => {
    for await (const _ of stream) {
      const now = performance.now();
      if (chunks++ > 0) silence = Math.max(silence, now - last);
      last = now;
    }
  })();
  const asked = { model: 'nano', prompt: 'x', max_tokens: 100, temperature: 1.3, seed: 3, ...fields };
  const answer = await client.completions
    .create({ ...asked, stream: false })
    .catch((error: unknown) => error);
  if (answer instanceof Error) expect(answer).toBeInstanceOf(BadRequestError);
  else
    expect(answer).toMatchObject({ choices: [{ finish_reason: expect.stringMatching(/^(stop|length)$/) }] });
  stream.controller.abort();
  await reading;
  expect(Math.max(silence, performance.now() - last)).toBeLessThan(SILENCE_MS);
  await requireIdle(nano);
  nano.requirePublished();
});
