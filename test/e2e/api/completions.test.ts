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
    expect(run.stdout).toMatch(/sunny: (true|false)/);
    expect(run.stdout).toMatch(/arguments: '\{"city": ?"(Bonn|Rome)"\}'/);
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
