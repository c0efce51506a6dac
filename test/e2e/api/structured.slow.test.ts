// Structured output of a running `up` on nano, and the examples of docs/structured-output.md.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import OpenAI, { BadRequestError } from 'openai';
import { beforeAll, expect, it } from 'vitest';
import { basic } from '../../gateway/constraints/schema/schemas.ts';
import { startProcess } from '../../support/process.ts';
import { type Gateway, startUp } from '../gateway.ts';

let up: Gateway;
let client: OpenAI;
beforeAll(async () => {
  up = await startUp('nano', ['--shards', '2']);
  client = new OpenAI({ baseURL: `${up.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

const ajv = new Ajv.default({ strict: false });
addFormats.default(ajv);
const messages = [{ role: 'user' as const, content: 'Who was there?' }];
const format = (schema: Record<string, unknown>) => {
  return { type: 'json_schema' as const, json_schema: { name: 'answer', schema, strict: true } };
};
const person = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer', minimum: 0, maximum: 120 } },
  required: ['name', 'age'],
  additionalProperties: false,
};
const isPerson = ajv.compile(person);

/** Fields that the client's types do not have. */
function complete(fields: Record<string, unknown>) {
  const asked = { model: up.model, prompt: 'The answer is', max_tokens: 200, ...fields };
  return client.completions.create({ ...asked, stream: false });
}

it('every third of the 200 schemas gives valid JSON at temperature 1.5', async () => {
  const chosen = basic.filter((_, i) => i % 3 === 0);
  const answers = await Promise.all(
    chosen.map(async (schema, seed) => {
      const asked = { model: up.model, messages, temperature: 1.5, seed, max_tokens: 600 };
      return client.chat.completions.create({ ...asked, response_format: format(schema) });
    }),
  );
  for (const [i, { choices }] of answers.entries()) {
    const [choice] = choices;
    expect(choice?.finish_reason, JSON.stringify([chosen[i], choice?.message.content])).toBe('stop');
    expect(
      ajv.validate(chosen[i] ?? {}, JSON.parse(choice?.message.content ?? '')),
      choice?.message.content ?? '',
    ).toBe(true);
  }
});

it('choices, log-probabilities and a stream satisfy the schema, and the stream has the same text', async () => {
  const asked = {
    model: up.model,
    messages,
    temperature: 1.5,
    seed: 3,
    n: 3,
    response_format: format(person),
  };
  const whole = await client.chat.completions.create({ ...asked, logprobs: true, top_logprobs: 2 });
  const texts = whole.choices.map(({ message }) => message.content ?? '');
  expect(new Set(texts).size).toBe(3);
  for (const text of texts) expect(isPerson(JSON.parse(text)), text).toBe(true);
  for (const { logprobs } of whole.choices) {
    const content = logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join('')).toBe(
      texts[whole.choices.findIndex((each) => each.logprobs === logprobs)],
    );
  }
  const streamed = ['', '', ''];
  const reasons: (string | null)[] = [];
  for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
    for (const { index, delta, finish_reason } of choices) {
      streamed[index] += delta.content ?? '';
      if (finish_reason !== null) reasons.push(finish_reason);
    }
  }
  expect(streamed).toEqual(texts);
  expect(reasons).toEqual(['stop', 'stop', 'stop']);
});

it('completions satisfy a JSON object, a pattern, a choice and a grammar', async () => {
  const object = await complete({ response_format: { type: 'json_object' }, max_tokens: 100, seed: 4 });
  if (object.choices[0]?.finish_reason === 'stop') JSON.parse(object.choices[0].text);
  expect(object.choices[0]?.text).toMatch(/^\{/);
  expect((await complete({ guided_regex: '[A-Z]{3}-\\d{4}' })).choices[0]?.text).toMatch(/^[A-Z]{3}-\d{4}$/);
  expect(['yes', 'no']).toContain((await complete({ guided_choice: ['yes', 'no'] })).choices[0]?.text);
  const grammar = 'root ::= "<" [a-z]{1,8} ">" ("!" | "?")';
  expect((await complete({ guided_grammar: grammar })).choices[0]?.text).toMatch(/^<[a-z]{1,8}>[!?]$/);
  expect((await complete({ structured_outputs: { json: { enum: [1, 2] } } })).choices[0]?.text).toMatch(
    /^[12]$/,
  );
});

it('an answer ends without a stop id, and at a stop string', async () => {
  const endless = await complete({ guided_regex: '(ab){10}', ignore_eos: true });
  expect(endless.choices[0]).toMatchObject({ text: 'ab'.repeat(10), finish_reason: 'stop' });
  const stopped = await complete({ guided_choice: ['one two three'], stop: ' two' });
  expect(stopped.choices[0]).toMatchObject({ text: 'one', finish_reason: 'stop' });
});

it('a constraint that is not supported is a 400 that names it, and the server continues', async () => {
  const refused = [
    [{ guided_grammar: 'root ::= "a' }, 'guided_grammar'],
    [{ guided_regex: '(?=a)' }, 'guided_regex'],
    [
      { guided_json: { type: 'object', properties: { a: { unevaluatedItems: false } } } },
      'guided_json.properties.a.unevaluatedItems',
    ],
  ] as const;
  for (const [fields, param] of refused) {
    const error = await complete(fields).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, param });
  }
  expect((await complete({ guided_choice: ['x'] })).choices[0]?.text).toBe('x');
});

it('the examples of docs/structured-output.md run as written', async () => {
  const page = await readFile(
    join(import.meta.dirname, '..', '..', '..', 'docs', 'structured-output.md'),
    'utf8',
  );
  const blocks = [...page.matchAll(/^```sh\n(curl [\s\S]*?)^```/gm)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThan(2);
  for (const block of blocks) {
    const command = block.replaceAll('http://127.0.0.1:8080', up.url).replaceAll('curl ', 'curl -sS --fail ');
    const curl = startProcess('sh', ['-e', '-c', command]);
    expect(await curl.exit, block).toEqual({ code: 0, signal: null });
    expect(curl.stdout).toMatch(/"finish_reason":"stop"/);
  }
});
