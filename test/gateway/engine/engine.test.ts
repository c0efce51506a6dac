import { describe, expect, it } from 'vitest';
import type { GenerationRequest } from '../../../gateway/engine/messages.ts';
import {
  type CountingEngineOptions,
  collect,
  countingRequest,
  openCountingEngine,
  until,
  vocab,
} from '../../support/engines/counting-engine.ts';

describe('the engine', () => {
  it('generates max_tokens tokens and reports the counts of prompt and answer tokens', async () => {
    const { generate } = await openCountingEngine();
    const { ids, last } = await collect(generate({ maxTokens: 5 }));
    expect(ids).toEqual([4, 5, 6, 7, 8]);
    expect(last).toEqual({
      type: 'finish',
      reason: 'length',
      promptTokens: 3,
      completionTokens: 5,
      cachedTokens: 0,
    });
  });

  it('ends an answer at a stop id, which is counted but not sent as a token part', async () => {
    const { generate } = await openCountingEngine();
    const { ids, last } = await collect(generate({ maxTokens: 9, stopIds: [6, 20] }));
    expect(ids).toEqual([4, 5]);
    expect(last).toMatchObject({ type: 'finish', reason: 'stop', stopId: 6, completionTokens: 3 });
  });

  it('gives each sequence the same answer as alone if others enter and leave between steps', async () => {
    const { generate, dense } = await openCountingEngine({ prefillRows: 6, minPrefillRows: 2 });
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        for (let wait = 0; wait < n; wait++) await new Promise((resolve) => setTimeout(resolve, 1));
        const prompt = Int32Array.from({ length: 1 + ((n * 5) % 17) }, (_, i) => (n + i) % vocab);
        const { ids } = await collect(generate({ prompt, maxTokens: 1 + (n % 7) }));
        return { ids, from: prompt.at(-1)!, count: 1 + (n % 7) };
      }),
    );
    for (const { ids, from, count } of answers) {
      expect(ids).toEqual(Array.from({ length: count }, (_, i) => (from + 1 + i) % vocab));
    }
    expect(dense.steps.some((spans) => spans.length > 1)).toBe(true);
    await until(() => dense.sequences.size === 0);
  });

  it('runs at most max_sequences at once', async () => {
    const byNumber = await openCountingEngine({ maxSequences: 2 });
    await Promise.all(Array.from({ length: 6 }, () => collect(byNumber.generate({}))));
    expect(Math.max(...byNumber.dense.steps.map((spans) => spans.length))).toBe(2);
  });

  it('preempts sequences when KV memory runs out, and gives the same answers', async () => {
    const mixing = (ids: readonly number[]) => ids.reduce((sum, id, i) => (sum * 3 + id + i) % 9973, 7);
    const prompts = Array.from({ length: 8 }, (_, n) => Int32Array.from({ length: 3 + n }, (_, i) => n + i));
    const answers = async (options: CountingEngineOptions) => {
      const { generate, engine, dense } = await openCountingEngine({
        next: mixing,
        prefillRows: 5,
        ...options,
      });
      const ids = await Promise.all(
        prompts.map(async (prompt) => (await collect(generate({ prompt, maxTokens: 20 }))).ids),
      );
      await until(() => dense.sequences.size === 0);
      return { ids, status: await engine.status() };
    };
    const roomy = await answers({});
    for (const shared of [true, false]) {
      const tight = await answers({ kvMemory: 64, shared, minPrefillRows: shared ? 1 : 2 });
      expect(tight.ids).toEqual(roomy.ids);
      expect(tight.status.counters.preempted_sequences).toBeGreaterThan(0);
      expect(tight.status.kvBytesReserved).toBe(0);
    }
  });

  it('gives the same answers in fewer steps if drafts are verified', async () => {
    const looping = (ids: readonly number[]) => [3, 1, 4, 1, 5, 9, 2, 6][ids.length % 8]!;
    const answer = async (
      speculate: boolean,
      settings: Partial<GenerationRequest['sampling']>,
      stopIds: number[],
    ) => {
      const { generate, dense, engine } = await openCountingEngine({
        next: looping,
        speculate,
        draftPrice: 0.3,
      });
      const request = countingRequest();
      const sampling = { ...request.sampling, ...settings };
      const { ids, last } = await collect(generate({ maxTokens: 60, sampling, stopIds }));
      const { guessed_tokens, kept_guesses } = (await engine.status()).counters;
      return { ids, last, steps: dense.steps.length, guessed_tokens, kept_guesses };
    };
    for (const settings of [
      {},
      { temperature: 6, seed: 4 },
      { frequencyPenalty: 1 },
      { temperature: 1, topP: 0.9 },
    ]) {
      for (const stopIds of [[], [9]]) {
        const plain = await answer(false, settings, stopIds);
        const drafted = await answer(true, settings, stopIds);
        expect(drafted.ids).toEqual(plain.ids);
        expect(drafted.last).toEqual(plain.last);
        expect(drafted.steps).toBeLessThanOrEqual(plain.steps);
      }
    }
    const { steps, guessed_tokens, kept_guesses } = await answer(true, {}, []);
    expect(steps).toBeLessThan(30);
    expect(kept_guesses!).toBeGreaterThan(30);
    expect(guessed_tokens!).toBeGreaterThanOrEqual(kept_guesses!);
  });

  it('sends the rows of drafts in the same frames as the decode rows of other streams', async () => {
    const next = (ids: readonly number[]) => (ids[0] === 1 ? ids.length % 3 : (7 * ids.length ** 2) % 50);
    const { generate, dense, engine } = await openCountingEngine({
      next,
      draftPrice: 0.3,
      microBatches: 1,
    });
    const answers = [Int32Array.of(1, 2, 3), Int32Array.of(2, 3, 4)].map((prompt) =>
      collect(generate({ prompt, maxTokens: 60 })),
    );
    await Promise.all(answers);
    const { kept_guesses, expert_calls } = (await engine.status()).counters;
    expect(kept_guesses).toBeGreaterThan(10);
    expect(expert_calls).toBe(engine.info.layers * dense.steps.length);
  });

  it('computes a common prefix once and reports the cached positions of each prompt', async () => {
    const { generate, dense } = await openCountingEngine();
    const prompt = Int32Array.from({ length: 11 }, (_, i) => i);
    const ask = async (request: Partial<GenerationRequest>) => {
      const before = dense.steps.length;
      const { ids, last } = await collect(generate({ prompt, maxTokens: 3, ...request }));
      const computed = dense.steps[before]?.[0]?.count;
      return { ids, computed, cached: last.type === 'finish' ? last.cachedTokens : undefined };
    };
    expect(await ask({})).toEqual({ ids: [11, 12, 13], computed: 11, cached: 0 });
    expect(await ask({})).toEqual({ ids: [11, 12, 13], computed: 3, cached: 8 });
    expect(await ask({ prompt: Int32Array.from([...prompt.slice(0, 8), 30]) })).toMatchObject({
      computed: 1,
      cached: 8,
    });
    expect(await ask({ prompt: prompt.slice(0, 8) })).toMatchObject({ computed: 4, cached: 4 });
    expect(await ask({ cacheSalt: 'another caller' })).toMatchObject({ computed: 11, cached: 0 });
    expect(await ask({ prompt: Int32Array.from([9, ...prompt.slice(1)]) })).toMatchObject({
      computed: 11,
      cached: 0,
    });
  });

  it('refuses a request that can never run, with the reason, before any work', async () => {
    const { generate, dense } = await openCountingEngine({ context: 10, kvMemory: 8 });
    const error = async (request: Partial<GenerationRequest>) => (await collect(generate(request))).last;
    expect(await error({ prompt: new Int32Array(0) })).toMatchObject({ error: { code: 'invalid_request' } });
    expect(await error({ prompt: Int32Array.of(vocab) })).toMatchObject({
      error: { code: 'invalid_request', message: 'token id 50 is outside the vocabulary of 50' },
    });
    expect(await error({ maxTokens: 8 })).toMatchObject({ error: { code: 'context_length_exceeded' } });
    expect(await error({ maxTokens: 6 })).toMatchObject({
      error: { message: expect.stringContaining('KV memory') },
    });
    expect(dense.steps).toEqual([]);
  });

  it('refuses a request if maxWaiting requests are waiting', async () => {
    const { generate } = await openCountingEngine({ maxSequences: 1, maxWaiting: 2 });
    const parts = await Promise.all(Array.from({ length: 8 }, () => collect(generate({}))));
    const refused = parts.filter(({ last }) => last.type === 'error');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.last).toMatchObject({
      error: { code: 'queue_full', retryable: true, retryAfterMs: 1000 },
    });
    expect(parts.filter(({ last }) => last.type === 'finish').length).toBe(8 - refused.length);
  });

  it('refuses a request with the names of the missing experts if no shard holds them', async () => {
    const { generate, engine } = await openCountingEngine({ lastExpert: 3 });
    expect(await engine.status()).toMatchObject({
      ready: false,
      missing: [{ layer: 0, experts: '4-5' }, { layer: 1 }],
    });
    const { last } = await collect(generate({}));
    expect(last).toMatchObject({
      error: {
        code: 'shard_unavailable',
        message: expect.stringContaining('experts 4-5 of layer 0'),
        retryable: true,
      },
    });
  });

  it('fails only the sequences whose expert failed', async () => {
    const { generate } = await openCountingEngine({
      before: async (_layer, _x, asks) => {
        if (asks.some((value, i) => i % 2 === 1 && value === 5)) throw new Error('broken expert');
      },
    });
    // Id i uses expert i % 6, so the answer to id 2 fails at id 5. The answer to id 12 ends before id 17.
    const [hit, spared] = await Promise.all([
      collect(generate({ prompt: Int32Array.of(2), maxTokens: 10 })),
      collect(generate({ prompt: Int32Array.of(12), maxTokens: 3 })),
    ]);
    expect(hit.ids).toEqual([3, 4, 5]);
    expect(hit.last).toMatchObject({
      type: 'error',
      error: { code: 'internal', message: 'an expert shard failed' }, // the log has the cause
    });
    expect(spared).toMatchObject({ ids: [13, 14, 15], last: { type: 'finish' } });
  });

  it('fails a sequence with deadline_exceeded if its shard does not answer in time', async () => {
    const { generate } = await openCountingEngine({
      callDeadlineMs: 30,
      before: () => new Promise(() => {}),
    });
    const { last } = await collect(generate({}));
    expect(last).toMatchObject({ type: 'error', error: { code: 'deadline_exceeded', retryable: true } });
  });

  it('stops a sequence within one step and frees its KV memory if the client leaves', async () => {
    const { generate, dense, engine } = await openCountingEngine({
      before: () => new Promise((go) => setTimeout(go, 2)),
    });
    const abort = new AbortController();
    let seen = 0;
    for await (const _ of generate({ maxTokens: 90 }, abort.signal)) {
      if (++seen === 3) abort.abort();
    }
    expect(seen).toBe(3);
    await until(() => dense.sequences.size === 0);
    const steps = dense.steps.length;
    expect(steps).toBeLessThanOrEqual(5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(dense.steps.length).toBe(steps);
    expect((await engine.status()).counters.aborted_sequences).toBe(1);
  });

  it('lets running generations end within the grace time of close, refuses new ones, and then fails the rest', async () => {
    const slow = { before: () => new Promise<void>((go) => setTimeout(go, 2)) };
    const graceful = await openCountingEngine(slow);
    const running = collect(graceful.generate({ maxTokens: 10 }));
    await until(() => graceful.dense.steps.length > 1);
    const closed = graceful.engine.close(5000);
    expect((await collect(graceful.generate({}))).last).toMatchObject({ error: { code: 'shutting_down' } });
    expect((await running).last).toMatchObject({ type: 'finish', completionTokens: 10 });
    await closed;

    const cut = await openCountingEngine(slow);
    const long = collect(cut.generate({ maxTokens: 97 }));
    await until(() => cut.dense.steps.length > 1);
    await cut.engine.close(10);
    expect((await long).last).toMatchObject({ type: 'error', error: { code: 'shutting_down' } });
  });

  it('applies a constraint from the first token on', async () => {
    const { generate } = await openCountingEngine();
    const { ids } = await collect(generate({ maxTokens: 3, constraint: { type: 'ids', ids: [9] } }));
    expect(ids).toEqual([9, 9, 9]);
  });

  it('reports digests that are equal if and only if the logits are equal', async () => {
    const { generate } = await openCountingEngine();
    const digests = async (prompt: number[]) => {
      const found: (string | undefined)[] = [];
      for await (const part of generate({ prompt: Int32Array.from(prompt), digests: true })) {
        if (part.type === 'token') found.push(part.digest);
      }
      return found;
    };
    expect(await digests([1, 2, 3])).toEqual(await digests([3]));
    expect(await digests([1, 2, 3])).not.toEqual(await digests([4]));
    expect((await digests([3]))[0]).toMatch(/^[0-9a-f]{16}$/);
  });
});
