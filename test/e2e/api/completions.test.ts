// The completion API of a running `up` on nano, through OpenAI's client, and the examples of docs/api.md.
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { beforeAll, expect, it } from 'vitest';
import { requireShape } from '../../gateway/api/clients/openai-shapes.ts';
import { eventually, startProcess } from '../../support/process.ts';
import { engineCounter, type Gateway, startUp } from '../gateway.ts';

let up: Gateway;
let client: OpenAI;
beforeAll(async () => {
  up = await startUp('nano', ['--shards', '2']);
  client = new OpenAI({ baseURL: `${up.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

const prompt = 'The old man sat by the sea and looked at the';
const messages = [{ role: 'user' as const, content: 'Good morning.' }];

it('an answer has the same text, streamed or not, in the published shapes', async () => {
  const asked = { model: up.model, prompt, max_tokens: 12, seed: 5 };
  const whole = await client.completions.create(asked);
  requireShape(whole);
  let text = '';
  for await (const chunk of await client.completions.create({ ...asked, stream: true })) {
    requireShape(chunk, { chunk: true });
    text += chunk.choices[0]?.text ?? '';
  }
  expect(text).toBe(whole.choices[0]?.text);
  const chat = await client.chat.completions.create({ model: up.model, messages, max_completion_tokens: 8 });
  requireShape(chat);
  for await (const chunk of await client.chat.completions.create({
    model: up.model,
    messages,
    max_completion_tokens: 8,
    stream: true,
  }))
    requireShape(chunk, { chunk: true });
});

it('one seed repeats the same choices, which differ from one another, and their prompt is counted once', async () => {
  const long = `${prompt} `.repeat(12);
  const asked = { model: up.model, prompt: long, max_tokens: 10, seed: 7, temperature: 1.2, n: 4 };
  const first = await client.completions.create(asked);
  const texts = first.choices.map(({ text }) => text);
  expect(new Set(texts).size).toBe(4);
  expect((await client.completions.create(asked)).choices.map(({ text }) => text)).toEqual(texts);
  expect((await client.completions.create({ ...asked, n: 2 })).choices.map(({ text }) => text)).toEqual(
    texts.slice(0, 2),
  );
  expect(first.usage?.completion_tokens).toBeLessThanOrEqual(40);
  const one = await client.completions.create({ ...asked, n: 1 });
  expect(first.usage?.prompt_tokens).toBe(one.usage?.prompt_tokens);
});

it('log-probabilities are returned for a chat and for an echoed text, and best_of uses them', async () => {
  const chat = await client.chat.completions.create({
    model: up.model,
    messages,
    max_tokens: 4,
    logprobs: true,
  });
  expect(chat.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toEqual([]);
  const scored = await client.completions.create({
    model: up.model,
    prompt,
    echo: true,
    logprobs: 1,
    max_tokens: 0,
  });
  requireShape(scored);
  const [choice] = scored.choices;
  expect(choice?.text).toBe(prompt);
  const told = choice?.logprobs?.token_logprobs ?? [];
  expect(told.length).toBe(scored.usage?.prompt_tokens);
  expect(told.slice(1).every((logprob) => logprob < 0)).toBe(true);
  const one = await client.completions.create({
    model: up.model,
    prompt,
    echo: true,
    logprobs: 1,
    max_tokens: 1,
  });
  expect(one.choices[0]?.logprobs?.token_logprobs?.slice(0, -1)).toEqual(told);
  const best = await client.completions.create({
    model: up.model,
    prompt,
    best_of: 3,
    max_tokens: 4,
    logprobs: 0,
  });
  expect(best.choices).toHaveLength(1);
});

it('a majority is the same alone and beside other requests, and is that of all choices', async () => {
  const words = { guided_regex: '(red|green|blue|grey|black) (sky|sea)' };
  const asked = { model: up.model, messages, max_tokens: 16, seed: 12, temperature: 1, ...words };
  const vote = { best_of: 14, select: 'majority', select_round: 2, return_token_ids: true };
  const all = await client.chat.completions.create({ ...asked, n: 14, ...{ return_token_ids: true } });
  const texts = all.choices.map(({ message }) => message.content ?? '');
  const votesFor = (text: string) => texts.filter((each) => each === text).length;
  const winner = texts.reduce((best, text) => (votesFor(text) > votesFor(best) ? text : best));
  const alone = await client.chat.completions.create({ ...asked, ...vote });
  expect(alone.choices.map(({ message }) => message.content)).toEqual([winner]);
  const { selection } = Reflect.get(alone, 'expertgrid') as { selection: { generated: number }[] };
  const generated = selection[0]?.generated ?? 0;
  const tokens = all.choices.slice(0, generated).map((choice) => Reflect.get(choice, 'token_ids').length);
  expect(alone.usage?.completion_tokens).toBe(tokens.reduce((sum: number, count: number) => sum + count));
  const noise = Array.from({ length: 6 }, (_, seed) => {
    return client.completions.create({ model: up.model, prompt, max_tokens: 30 + 9 * seed, n: 2, seed });
  });
  const beside = await Promise.all([1, 2].map(() => client.chat.completions.create({ ...asked, ...vote })));
  await Promise.all(noise);
  for (const { choices, usage, ...rest } of beside) {
    expect([choices, usage?.completion_tokens]).toEqual([alone.choices, alone.usage?.completion_tokens]);
    expect(Reflect.get(rest, 'expertgrid')).toEqual(Reflect.get(alone, 'expertgrid'));
  }
});

it('a vote that is decided early saves choices, and later rounds find the prompt in the cache', async () => {
  const asked = { model: up.model, prompt: `${prompt} `.repeat(12), seed: 3, max_tokens: 4, best_of: 12 };
  const one = { ...asked, guided_choice: [' sea'], select: 'majority', select_round: 1 };
  const early = await client.completions.create(one);
  const ranked = { ...one, select: 'logprob', select_round: null, best_of: 6 };
  const six = await client.completions.create(ranked);
  // All answers are equal, so the likeliest of the six choices is returned.
  const [{ choices }] = Reflect.get(six, 'expertgrid').selection;
  const report = {
    ...{ by: 'majority', generated: 6, rounds: 1, choices },
    answers: [{ answer: 'sea', votes: 6 }],
  };
  expect(choices).toHaveLength(1);
  expect(Reflect.get(early, 'expertgrid')).toEqual({ seed: 3, selection: [report] });
  expect(early.usage?.completion_tokens).toBe(six.usage?.completion_tokens);
  const cached = await engineCounter(up, 'cached_prompt_tokens');
  const many = { ...asked, prompt: `${prompt}! `.repeat(12), select: 'majority', select_answer: 'json' };
  const none = await client.completions.create(many);
  expect(Reflect.get(none, 'expertgrid')).toMatchObject({
    selection: [{ by: 'logprob', generated: 12, rounds: 3 }],
  });
  // All choices but the first one find at least the pages that the prompt fills.
  const found = (await engineCounter(up, 'cached_prompt_tokens')) - cached;
  expect(found).toBeGreaterThan(11 * 64);
  expect(none.usage?.prompt_tokens).toBeGreaterThan(128);
});

it('aborting a stream stops all of its choices', async () => {
  const aborted = await engineCounter(up, 'aborted_sequences');
  const stream = await client.completions.create({
    model: up.model,
    prompt,
    n: 3,
    max_tokens: 900,
    stream: true,
  });
  for await (const _ of stream) break;
  await eventually(async () => (await engineCounter(up, 'aborted_sequences')) >= aborted + 1);
});

it('the client throws an error that names the wrong field, and the server continues', async () => {
  const wrong = client.completions.create({ model: up.model, prompt, suffix: 'x' });
  await expect(wrong).rejects.toBeInstanceOf(BadRequestError);
  await expect(wrong).rejects.toMatchObject({ status: 400, param: 'suffix', code: 'unsupported_parameter' });
  await expect(client.completions.create({ model: 'other', prompt })).rejects.toBeInstanceOf(NotFoundError);
  const fine = await client.completions.create({ model: up.model, prompt, max_tokens: 1 });
  expect(fine.choices).toHaveLength(1);
});

it('keeps idle connections longer than the connection pools of clients, and accepts only names of this machine', async () => {
  const answer = await fetch(`${up.url}/health`);
  expect(answer.headers.get('keep-alive')).toBe('timeout=75');
  const ask = async (host: string) => {
    const asked = request(`${up.url}/metrics`, { headers: { host }, agent: false }).end();
    const [{ statusCode }] = (await once(asked, 'response')) as [IncomingMessage];
    return statusCode;
  };
  expect([await ask('localhost:1'), await ask('page.example')]).toEqual([200, 403]);
});

it('the example of README.md runs as written if it is saved in the checkout', async () => {
  const root = join(import.meta.dirname, '..', '..', '..');
  const page = await readFile(join(root, 'README.md'), 'utf8');
  const [, example = ''] = /^```ts\n([\s\S]*?)^```/m.exec(page) ?? [];
  expect(example).toContain('http://127.0.0.1:8080');
  const file = join(root, 'local', `readme-example-${process.pid}.ts`);
  await writeFile(file, example.replaceAll('http://127.0.0.1:8080', up.url));
  try {
    const run = startProcess(process.execPath, [file]);
    expect(await run.exit, run.stderr).toEqual({ code: 0, signal: null });
    expect(run.stderr).toBe('');
    expect(run.stdout).toMatch(/name: '.*', age: -?\d+/);
    expect(run.stdout).toMatch(/arguments: '\{"city": ?".*"\}'/);
  } finally {
    await rm(file);
  }
});

it('every example of docs/api.md runs as written', async () => {
  const page = await readFile(join(import.meta.dirname, '..', '..', '..', 'docs', 'api.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThan(4);
  for (const block of blocks) {
    const command = block.replaceAll('http://127.0.0.1:8080', up.url).replaceAll('curl ', 'curl -sS --fail ');
    const curl = startProcess('sh', ['-e', '-c', command]);
    expect(await curl.exit, block).toEqual({ code: 0, signal: null });
    expect(curl.stdout).toMatch(/"(choices|tokens|prompt|output|content)":/);
  }
});
