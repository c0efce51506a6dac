import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { EngineClient, GenerationPart } from '../../../../gateway/engine/messages.ts';
import { connectEngine } from '../../../../gateway/engine/port/connect-engine.ts';
import { serveEngine } from '../../../../gateway/engine/port/serve-engine.ts';
import {
  type CountingEngine,
  type CountingEngineOptions,
  collect,
  countingRequest,
  startCountingEngine,
  until,
} from '../../../support/engines/counting-engine.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

interface Connected {
  client: EngineClient;
  local: CountingEngine;
  served: Promise<void>;
  lose: (error: Error) => void;
  port: MessagePort;
}

async function connect(options: CountingEngineOptions = {}): Promise<Connected> {
  const local = await startCountingEngine(options);
  const { port1, port2 } = new MessageChannel();
  const lost = Promise.withResolvers<Error>();
  const served = serveEngine(port2, local.engine);
  const client = await connectEngine(port1, lost.promise);
  open.push(local, port1);
  return { client, local, served, lose: lost.resolve, port: port1 };
}

const forever = () => new AbortController().signal;
const slow = { before: () => new Promise<void>((go) => setTimeout(go, 2)) };

describe('an engine behind a message port', () => {
  it('gives the same parts as the engine itself if many generations run at once', async () => {
    const { client, local } = await connect();
    expect(client.info).toEqual(local.engine.info);
    const request = { maxTokens: 6, logprobs: 2, digests: true };
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, n) =>
        collect(client.generate(countingRequest({ ...request, prompt: Int32Array.of(n) }), forever())),
      ),
    );
    for (const [n, { ids, last }] of answers.entries()) {
      expect(ids).toEqual([1, 2, 3, 4, 5, 6].map((i) => n + i));
      expect(last).toMatchObject({ type: 'finish', completionTokens: 6 });
    }
    const settled = { shards: expect.anything() }; // the expected time of a call decays between the two reports
    expect(await client.status()).toEqual({ ...(await local.engine.status()), ...settled });
  });

  it('tells how busy it is without a message, and what it has found in its cache', async () => {
    const { client, local } = await connect(slow);
    const idle = client.load();
    expect(idle).toEqual(local.engine.load());
    expect(idle).toMatchObject({ running: 0, waiting: 0, usedBlocks: 0, promptTokens: 0 });
    expect(idle.blocks * idle.blockSize).toBeGreaterThan(0);
    const asked = collect(client.generate(countingRequest({ maxTokens: 20 }), forever()));
    await until(() => client.load().running === 1);
    expect(client.load().usedBlocks).toBeGreaterThan(0);
    await asked;
    await until(() => client.load().running === 0);
    expect(client.load()).toMatchObject({ waiting: 0, promptTokens: countingRequest({}).prompt.length });
  });

  it('sends the tokens of all sequences of a step in one message', async () => {
    const { client, port } = await connect({ ...slow, microBatches: 1 });
    const tokens: number[] = [];
    port.on('message', (message: { type: string; parts?: [string, GenerationPart][] }) => {
      const count = message.parts?.filter(([, { type }]) => type === 'token').length ?? 0;
      if (count > 0) tokens.push(count);
    });
    const answer = () => collect(client.generate(countingRequest({ maxTokens: 12 }), forever()));
    await Promise.all(Array.from({ length: 6 }, answer));
    const { counters } = await client.status();
    expect(tokens.reduce((sum, count) => sum + count)).toBe(6 * 12);
    expect(Math.max(...tokens)).toBe(6);
    expect(tokens.length).toBeLessThanOrEqual(counters.steps ?? 0);
  });

  it('gives a token to the next reader when the reader before it has done its work', async () => {
    const { client } = await connect({ ...slow, microBatches: 1 });
    const log: string[] = [];
    const read = async (name: string) => {
      for await (const { type } of client.generate(countingRequest({ maxTokens: 12 }), forever())) {
        if (type !== 'token') continue;
        log.push(`${name} begins`);
        for (let i = 0; i < 8; i++) await Promise.resolve();
        log.push(`${name} ends`);
      }
    };
    await Promise.all([read('a'), read('b'), read('c')]);
    expect(log).toHaveLength(2 * 3 * 12);
    for (let i = 0; i < log.length; i += 2) expect(log[i + 1]).toBe(log[i]!.replace('begins', 'ends'));
  });

  it('sends an error that arises during a step before the step has ended', async () => {
    const step = Promise.withResolvers<void>();
    const { client } = await connect({ before: () => step.promise });
    const running = collect(client.generate(countingRequest({ maxTokens: 3 }), forever()));
    const refused = await collect(client.generate(countingRequest({ maxTokens: 1000 }), forever()));
    expect(refused.last).toMatchObject({ type: 'error', error: { code: 'context_length_exceeded' } });
    step.resolve();
    expect((await running).last).toMatchObject({ type: 'finish', completionTokens: 3 });
  });

  it('fails only the generation whose start throws', async () => {
    const { local } = await connect();
    const { port1, port2 } = new MessageChannel();
    open.push(port1);
    const faults: unknown[] = [];
    void serveEngine(port2, local.engine, (cause) => faults.push(cause));
    const client = await connectEngine(port1, new Promise<Error>(() => {}));
    const cause = new Error('no memory');
    const start = local.engine.start.bind(local.engine);
    local.engine.start = (request, onPart) => {
      if (request.maxTokens === 7) throw cause;
      return start(request, onPart);
    };
    const failed = await collect(client.generate(countingRequest({ maxTokens: 7 }), forever()));
    expect(failed.last).toMatchObject({ type: 'error', error: { code: 'internal' } });
    expect(faults).toEqual([cause]);
    const { last } = await collect(client.generate(countingRequest({ maxTokens: 8 }), forever()));
    expect(last).toMatchObject({ type: 'finish', completionTokens: 8 });
  });

  it('passes charges of other threads on to the engine', async () => {
    const { client, local } = await connect();
    const charged = Promise.withResolvers<[string, number]>();
    local.engine.charge = (...given) => charged.resolve(given);
    client.charge('a', 7);
    expect(await charged.promise).toEqual(['a', 7]);
  });

  it('passes a refusal on to the caller', async () => {
    const { client } = await connect();
    const { last } = await collect(client.generate(countingRequest({ maxTokens: 1000 }), forever()));
    expect(last).toMatchObject({ type: 'error', error: { code: 'context_length_exceeded' } });
  });

  it('stops the work when the caller aborts or leaves the loop', async () => {
    const { client, local } = await connect(slow);
    const abort = new AbortController();
    for await (const _ of client.generate(countingRequest({ maxTokens: 90 }), abort.signal)) abort.abort();
    for await (const _ of client.generate(countingRequest({ maxTokens: 90 }), forever())) break;
    await until(() => local.dense.sequences.size === 0);
    expect((await client.status()).counters.aborted_sequences).toBe(2);
  });

  it('lets running generations end on close, and then resolves the promise of the serving side', async () => {
    const { client, served } = await connect(slow);
    const running = collect(client.generate(countingRequest({ maxTokens: 10 }), forever()));
    await client.close(5000);
    await served;
    expect((await running).last).toMatchObject({ type: 'finish', completionTokens: 10 });
  });

  it('fails open generations, and all later generations and calls, when its thread has ended', async () => {
    const { client, lose } = await connect(slow);
    const running = collect(client.generate(countingRequest({ maxTokens: 90 }), forever()));
    await new Promise((resolve) => setTimeout(resolve, 10));
    lose(new Error('the engine thread has ended'));
    const error = { code: 'internal', message: 'the engine has failed' };
    expect((await running).last).toMatchObject({ type: 'error', error });
    expect((await collect(client.generate(countingRequest(), forever()))).last).toMatchObject({
      type: 'error',
      error,
    });
    await expect(client.status()).rejects.toThrow('the engine thread has ended');
  });

  it('fails only the generation with most unread parts if unread parts exceed the limit', async () => {
    const { local } = await connect();
    const { port1, port2 } = new MessageChannel();
    open.push(port1);
    void serveEngine(port2, local.engine);
    const forever = new Promise<Error>(() => {});
    const client = await connectEngine(port1, forever, { mostUnread: 20_000 });
    const signal = new AbortController().signal;
    const large = countingRequest({ maxTokens: 90, logprobs: 5 });
    const unread = client.generate(large, signal)[Symbol.asyncIterator]();
    await unread.next();
    const { ids } = await collect(client.generate(countingRequest({ maxTokens: 40 }), signal));
    expect(ids).toHaveLength(40);
    await until(() => local.dense.sequences.size === 0);
    const parts = [];
    for (let part = await unread.next(); part.done !== true; part = await unread.next())
      parts.push(part.value);
    expect(parts).toMatchObject([{ type: 'error', error: { code: 'answer_memory', retryable: true } }]);
  });

  it('rejects the connection if the thread ends before it serves', async () => {
    const { port1 } = new MessageChannel();
    open.push(port1);
    await expect(connectEngine(port1, Promise.resolve(new Error('no such bundle')))).rejects.toThrow(
      'no such bundle',
    );
  });
});
