// Answers that begin with known ids: what follows must be what follows them in an answer that is generated at once.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationPart, GenerationRequest } from '../../../gateway/engine/messages.ts';
import { neutralSampling } from '../../../gateway/engine/messages.ts';
import type { DeviceName } from '../../../model/devices/options.ts';
import {
  collect,
  countingRequest,
  openCountingEngine,
  vocab,
} from '../../support/engines/counting-engine.ts';
import { startTinyEngine, type TinyEngine } from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

type Token = Extract<GenerationPart, { type: 'token' }>;

const sampling = {
  ...neutralSampling,
  temperature: 1,
  topP: 0.9,
  seed: 17,
  repetitionPenalty: 1.2,
  presencePenalty: 0.3,
  frequencyPenalty: 0.2,
};
const shape = { experts: 12, kvHeads: 2, heads: 4, headDim: 16 };

describe.each<DeviceName>(['cpu', 'ort-cpu'])('on %s', (device) => {
  let engine: TinyEngine;
  let other: TinyEngine;
  beforeAll(async () => {
    const bundle = await tinyBundle({ ...shape, bits: 4 });
    engine = await startTinyEngine({ bundle, device, threads: 1 });
    other = await startTinyEngine({ bundle, device, threads: 1, shards: 3, draftPrice: 0.3 });
  });
  afterAll(async () => {
    await engine.close();
    await other.close();
  });

  const request: Partial<GenerationRequest> = {
    prompt: Int32Array.from({ length: 37 }, (_, i) => (i * 7) % 200),
    maxTokens: 40,
    sampling,
    logprobs: 2,
    digests: true,
    routes: true,
  };

  async function run(by: TinyEngine, more: Partial<GenerationRequest> = {}) {
    const tokens: Token[] = [];
    let last: GenerationPart | undefined;
    const whole = countingRequest({ ...request, ...more });
    for await (const part of by.engine.generate(whole, new AbortController().signal)) {
      if (part.type === 'token') tokens.push({ ...part, began: undefined });
      last = part;
    }
    return { tokens, last };
  }

  it('sends the same parts from any known id on, with logprobs, digests and routes', async () => {
    const all = await run(engine);
    expect(all.tokens).toHaveLength(40);
    const ids = all.tokens.map(({ id }) => id);
    for (const [count, unreported] of [
      [1, 0],
      [1, 1],
      [13, 13],
      [13, 4],
      [33, 0],
      [39, 39],
      [40, 38],
      [40, 40],
    ]) {
      const known = Int32Array.from(ids.slice(0, count));
      for (const by of [other, engine]) {
        const { tokens, last } = await run(by, { known, unreported });
        expect(tokens).toEqual(all.tokens.slice(unreported));
        expect(last).toMatchObject({
          type: 'finish',
          reason: 'length',
          promptTokens: 37,
          completionTokens: 40,
        });
      }
    }
  });

  it('finishes with the stop id that followed the known ids', async () => {
    const ids = (await run(engine)).tokens.map(({ id }) => id);
    const stopIds = [ids[20] ?? 0];
    const end = ids.indexOf(stopIds[0] ?? 0);
    const all = await run(engine, { stopIds });
    const { tokens, last } = await run(other, { stopIds, known: Int32Array.from(ids.slice(0, end)) });
    expect(tokens).toEqual([]);
    expect({ ...last, began: undefined, cachedTokens: 0 }).toEqual({
      ...all.last,
      began: undefined,
      cachedTokens: 0,
    });
    expect(last).toMatchObject({ stopId: stopIds[0], completionTokens: end + 1 });
  });
});

describe('known ids', () => {
  it('are computed in chunks like a prompt, and cached like one', async () => {
    const { generate, dense, engine } = await openCountingEngine({ prefillRows: 16 });
    const known = Int32Array.from({ length: 30 }, (_, i) => 4 + i);
    const { ids, last } = await collect(generate({ known, maxTokens: 34 }));
    expect(ids).toEqual([34, 35, 36, 37]);
    expect(last).toMatchObject({ reason: 'length', completionTokens: 34 });
    expect(dense.steps.map((spans) => spans[0]?.count)).toEqual([16, 16, 1, 1, 1, 1]);
    const again = await collect(generate({ known, maxTokens: 34 }));
    expect(again.ids).toEqual(ids);
    expect(again.last).toMatchObject({ cachedTokens: 3 });
    expect((await engine.status()).counters.cached_prompt_tokens).toBeGreaterThan(0);
  });

  it('do not keep a preempted answer from finding its own blocks in the cache', async () => {
    const { generate, engine } = await openCountingEngine({ kvMemory: 40, maxSequences: 2 });
    const prompt = (n: number) => Int32Array.from({ length: 5 }, (_, i) => n + i);
    const both = [0, 20].map((n) => collect(generate({ prompt: prompt(n), maxTokens: 20 })));
    await Promise.all(both);
    const { counters } = await engine.status();
    expect(counters.preempted_sequences).toBeGreaterThan(0);
    // More positions than the prompt has: the answer's blocks were found too.
    expect(counters.cached_prompt_tokens).toBeGreaterThan(5);
  });

  it('advance the constraint', async () => {
    const { generate } = await openCountingEngine();
    const constraint = { type: 'ids', ids: [4, 5, 9] } as const;
    expect(await collect(generate({ known: Int32Array.of(4), constraint, maxTokens: 2 }))).toMatchObject({
      ids: [5],
    });
    const { last } = await collect(generate({ known: Int32Array.of(6), constraint, maxTokens: 2 }));
    expect(last).toMatchObject({
      type: 'error',
      error: { message: 'token 6 is not allowed by the constraint' },
    });
  });

  it('keep the degraded hops of the time when they were generated, and are not shared', async () => {
    const { generate, engine } = await openCountingEngine();
    const prompt = Int32Array.from({ length: 40 }, (_, i) => i);
    const degraded = {
      prompt,
      known: Int32Array.of(40),
      degradedHops: { standby: 3 },
      degrade: 'standby' as const,
    };
    expect((await collect(generate(degraded))).last).toMatchObject({ degradedHops: { standby: 3 } });
    expect((await collect(generate({ prompt }))).last).toMatchObject({ cachedTokens: 0 });
    expect((await engine.status()).counters.cached_prompt_tokens).toBe(0);
  });

  it('are refused if they are too many or no ids of the model', async () => {
    const { generate } = await openCountingEngine();
    const refused = async (request: Partial<GenerationRequest>) => (await collect(generate(request))).last;
    expect(await refused({ known: new Int32Array(5) })).toMatchObject({
      error: { code: 'invalid_request', message: '5 known tokens do not fit into an answer of 4' },
    });
    expect(await refused({ known: Int32Array.of(vocab) })).toMatchObject({
      error: { message: `token id ${vocab} is outside the vocabulary of ${vocab}` },
    });
  });
});
