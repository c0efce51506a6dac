// `expertgrid up` as a user sees it: its output, its processes, answers to the openai client, and its end.
import OpenAI from 'openai';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { childrenOf, eventually, freePort, isAlive, isFree, startProcess } from '../../support/process.ts';
import { complete, engineCounter, type Gateway, readiness, scrape, startUp, stream } from '../gateway.ts';

interface Memory {
  memory_bytes: number;
}

const words = { prompt: 'It was a fine morning, and', max_tokens: 24, temperature: 0 };

describe('up', () => {
  let up: Gateway;
  let client: OpenAI;
  beforeAll(async () => {
    up = await startUp(await tinyBundle());
    client = new OpenAI({ baseURL: `${up.url}/v1`, apiKey: 'none', maxRetries: 0 });
  });

  it('runs a gateway and four shard processes that share the experts', async () => {
    const children = childrenOf(up.process.pid);
    const held = children.map(({ command }) => / shard .*--experts (\S+)/.exec(command)?.[1]);
    expect(held.sort()).toEqual(['0-23', '24-47', '48-71', '72-95']);
    expect(await readiness(up)).toEqual({ status: 200, missing: [] });
  });

  it('reports the memory of the gateway and of every shard', async () => {
    const response = await fetch(`${up.url}/v1/shards`);
    const list = (await response.json()) as Memory & { data: (Memory & { weight_bytes: number })[] };
    const ofShards = list.data.map(({ memory_bytes }) => memory_bytes);
    expect(ofShards).toHaveLength(4);
    for (const bytes of [list.memory_bytes, ...ofShards]) expect(bytes).toBeGreaterThan(20e6);
    for (const { weight_bytes } of list.data) expect(weight_bytes).toBeLessThan(20e6);
    expect((await scrape(up.url)).get('process_resident_memory_bytes')).toBeGreaterThan(20e6);
  });

  it('prints a curl command that streams a completion if it is run as printed', async () => {
    const command = /^ {2}curl [\s\S]+?\n\n/m.exec(up.process.stdout)?.[0] ?? '';
    const curl = startProcess('sh', ['-c', `${command.trim()} --silent --show-error`]);
    expect(await curl.exit).toEqual({ code: 0, signal: null });
    const events = curl.stdout.trim().split('\n\n');
    expect(events.at(-1)).toBe('data: [DONE]');
    expect(events.length).toBeGreaterThan(2);
    expect(events.at(-2)).toContain('"finish_reason"');
  });

  it('gives the openai client the same text, streamed or not', async () => {
    const whole = await client.completions.create({ model: up.model, ...words });
    expect(whole.choices[0]?.finish_reason).toBe('length');
    expect(whole.usage).toMatchObject({ prompt_tokens: 26, completion_tokens: 24, total_tokens: 50 });

    let text = '';
    let pieces = 0;
    let usage: unknown;
    const options = { stream: true, stream_options: { include_usage: true } } as const;
    for await (const chunk of await client.completions.create({ model: up.model, ...words, ...options })) {
      text += chunk.choices[0]?.text ?? '';
      if (chunk.choices[0]?.text) pieces++;
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0]?.text);
    expect(pieces).toBeGreaterThan(5);
    expect(usage).toEqual(whole.usage);
  });

  it('gives the openai client a chat, streamed or not', async () => {
    const chat = {
      model: up.model,
      messages: [{ role: 'user' as const, content: 'Good morning.' }],
      temperature: 0.9,
      seed: 3,
      max_completion_tokens: 16,
    };
    const whole = await client.chat.completions.create(chat);
    expect(whole.choices[0]?.message.role).toBe('assistant');
    let text = '';
    for await (const chunk of await client.chat.completions.create({ ...chat, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(text.length).toBeGreaterThan(0);
  });

  it('stops the work when the openai client aborts a stream', async () => {
    const aborted = await engineCounter(up, 'aborted_sequences');
    const generated = await engineCounter(up, 'generated_tokens');
    const events = await client.completions.create({
      model: up.model,
      ...words,
      max_tokens: 480,
      stream: true,
    });
    for await (const _ of events) break;
    await eventually(async () => (await engineCounter(up, 'aborted_sequences')) > aborted);
    expect((await engineCounter(up, 'generated_tokens')) - generated).toBeLessThan(480);
  });

  it('ends with exit code 0 on SIGTERM while idle, and leaves no process and no port behind', async () => {
    const children = childrenOf(up.process.pid);
    up.process.signal('SIGTERM');
    expect(await up.process.exit).toEqual({ code: 0, signal: null });
    expect(children.filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(await isFree(up.port)).toBe(true);
  });
});

describe('environment variables for a shard', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('are not passed to the shards that up starts', async () => {
    vi.stubEnv('EXPERTGRID_METRICS_PORT', String(await freePort()));
    vi.stubEnv('EXPERTGRID_STANDBY', '1');
    const { url } = await startUp(await tinyBundle(), ['--shards', '2']);
    const response = await fetch(`${url}/v1/shards`);
    const { data } = (await response.json()) as { data: { standby: boolean }[] };
    expect(data.map(({ standby }) => standby)).toEqual([false, false]);
  });
});

describe('the end of up', () => {
  it('waits for the running answer after Ctrl-C, then ends with exit code 0', async () => {
    const up = await startUp(await tinyBundle(), ['--shards', '2']);
    const children = childrenOf(up.process.pid);
    let tokens = 0;
    let done = false;
    let reason: string | null | undefined;
    const asked = { prompt: 'a', max_tokens: 150, expertgrid: { digests: true } };
    for await (const event of stream(up, asked, { done: () => (done = true) })) {
      if (tokens === 0) up.process.signal('SIGINT');
      tokens += event.expertgrid?.digests?.length ?? 0;
      reason = event.choices?.[0]?.finish_reason;
    }
    expect({ tokens, done, reason }).toEqual({ tokens: 150, done: true, reason: 'length' });
    expect(await up.process.exit).toEqual({ code: 0, signal: null });
    expect(children.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  it('ends the shards if the gateway is killed', async () => {
    const up = await startUp(await tinyBundle(), ['--shards', '2']);
    expect((await complete(up, words)).usage.completion_tokens).toBe(24);
    const children = childrenOf(up.process.pid);
    expect(children.length).toBe(2);
    up.process.signal('SIGKILL');
    await up.process.exit;
    await eventually(() => children.every(({ pid }) => !isAlive(pid)));
  });
});
