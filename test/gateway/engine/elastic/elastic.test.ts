// Requests that set how many experts their tokens use: against the slow reference, over several shards, and beside other requests.
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RequestRouting } from '../../../../gateway/engine/messages.ts';
import { countingRequest } from '../../../support/engines/counting-engine.ts';
import { startTinyEngine, type TinyEngine } from '../../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../../support/models/tiny-bundle.ts';
import { bitsOf, describeReference, generate, layers, prompt, routings, shape } from './elastic.cases.ts';

describeReference('softmax', [{ expertsPerToken: [2, 2, 2] }, { unsureBudget: 6 }]);
describeReference('sigmoid', [{ expertsPerToken: [3, 1, 2] }]);

describe('on the kernels', () => {
  const spread: TinyEngine[] = [];
  /** What each routing gives if it is alone. */
  const alone: Awaited<ReturnType<typeof generate>>[] = [];
  beforeAll(async () => {
    const bundle = await tinyBundle({ ...shape, bits: 4 });
    for (const options of [
      {},
      { shards: 3, prefillRows: 8, draftPrice: 0.3 },
      { shards: 2, microBatches: 3, kvMemory: 2 ** 20 },
    ])
      spread.push(await startTinyEngine({ bundle, threads: 1, ...options }));
    for (const routing of routings) alone.push(await generate(spread[0]!, routing));
  });
  afterAll(async () => {
    for (const { close } of spread) await close();
  });

  it('the settings change the answers', () => {
    const digests = alone.map(({ tokens }) => tokens[0]?.digest);
    // A budget of one call for each layer is k = 1.
    expect(digests[6]).toBe(digests[0]);
    expect(new Set(digests).size).toBe(routings.length - 1);
  });

  it('every request has the bits that it has alone, beside requests with other settings and without any', async () => {
    const own = await generate(spread[0]!, undefined);
    expect(bitsOf(own.tokens)).toEqual(bitsOf(alone[0]!.tokens));
    for (const engine of spread.slice(1)) {
      const together = await Promise.all(
        [undefined, ...routings, undefined].map((routing, i) =>
          generate(engine, routing, { cacheSalt: `${i}` }),
        ),
      );
      expect(together.map(({ tokens }) => bitsOf(tokens))).toEqual(
        [own, ...alone, own].map(({ tokens }) => bitsOf(tokens)),
      );
    }
  });

  it('drafts are verified, and preempted requests recomputed, with the settings of their own request', async () => {
    const period = Int32Array.from({ length: 25 }, (_, i) => 7 * (i % 5));
    const more = { prompt: period, maxTokens: 30 };
    const asked = [routings[2], routings[4], routings[7]];
    const slow = [];
    for (const routing of asked) slow.push(await generate(spread[0]!, routing, more));
    const bundle = await tinyBundle({ ...shape, bits: 4 });
    // Each request begins with one block of 32 positions and needs two in the end, and there are four.
    const block = 2 * 32 * layers * 2 * shape.kvHeads * shape.headDim;
    const settings = { shards: 3, draftPrice: 0.01, kvMemory: 4 * block };
    const busy = await startTinyEngine({ bundle, threads: 1, ...settings });
    onTestFinished(busy.close);
    const together = await Promise.all(asked.map((routing) => generate(busy, routing, more)));
    expect(together.map(({ tokens }) => bitsOf(tokens))).toEqual(slow.map(({ tokens }) => bitsOf(tokens)));
    const { counters } = await busy.engine.status();
    expect(counters.kept_guesses).toBeGreaterThan(0);
    expect(counters.preempted_sequences).toBeGreaterThan(0);
  });

  it('the engine tries more micro-batches for requests with settings, too', async () => {
    const bundle = await tinyBundle({ ...shape, bits: 4 });
    const engine = await startTinyEngine({ bundle, threads: 1, hopMs: 3 });
    onTestFinished(engine.close);
    const asked = { prompt: prompt.subarray(0, 1), maxTokens: 20, routes: false };
    await Promise.all([1, 2, 3, 4].map((k) => generate(engine, { expertsPerToken: [k, 1, k] }, asked)));
    const { counters } = await engine.engine.status();
    expect(counters.micro_batches).toBeGreaterThan(counters.steps!);
  });

  it('calls of experts are counted for the request and in the heat', async () => {
    const engine = await startTinyEngine({ bundle: await tinyBundle({ ...shape, bits: 4 }), threads: 1 });
    onTestFinished(engine.close);
    let calls = 0;
    for (const [i, routing] of routings.entries()) {
      const { finish, tokens } = await generate(engine, routing, { cacheSalt: `${i}`, maxTokens: 1 });
      expect(finish.expertCalls).toBe(tokens[0]?.expertCalls);
      const { expertsPerToken } = routing;
      const fixed = expertsPerToken?.reduce((sum, k) => sum + k, 0);
      if (fixed !== undefined) expect(finish.expertCalls).toBe(prompt.length * fixed);
      else expect(finish.expertCalls).toBeLessThanOrEqual(prompt.length * routing.unsureBudget!);
      calls += finish.expertCalls ?? 0;
    }
    const { totals } = await engine.engine.heat();
    expect(totals.reduce((sum, rows) => sum + rows, 0)).toBe(calls);
    expect((await generate(engine, undefined)).finish).not.toHaveProperty('expertCalls');
  });

  it('calls are not counted for a request without settings, even if it shares steps with others', async () => {
    const bundle = await tinyBundle({ ...shape, bits: 4 });
    const engine = await startTinyEngine({ bundle, threads: 1, shards: 2, microBatches: 1 });
    onTestFinished(engine.close);
    const [{ finish }, { finish: plain }] = await Promise.all([
      generate(engine, { unsureBudget: 6 }, { maxTokens: 20 }),
      generate(engine, undefined, { maxTokens: 20, cacheSalt: 'plain' }),
    ]);
    expect(finish.expertCalls).toBeGreaterThan(0);
    expect(plain).not.toHaveProperty('expertCalls');
    const { counters } = await engine.engine.status();
    expect(counters.steps).toBeLessThan(30); // so most steps had rows of both
  });

  it.each([{ expertsPerToken: [3, 1, 2] }, { unsureBudget: 6 }])(
    '%j continues after known ids, and scores its own answer with the same log-probabilities',
    async (routing) => {
      const asked = { logprobs: 0, cacheSalt: 'continued' };
      const whole = await generate(spread[1]!, routing, asked);
      const known = Int32Array.from(whole.tokens.slice(0, 4), ({ id }) => id);
      const rest = await generate(spread[2]!, routing, { ...asked, known, unreported: 4 });
      expect(bitsOf(rest.tokens)).toEqual(bitsOf(whole.tokens.slice(4)));
      const text = Int32Array.from([...prompt, ...whole.tokens.map(({ id }) => id)]);
      const scored = await generate(spread[2]!, routing, { prompt: text, promptLogprobs: 0, maxTokens: 0 });
      expect(scored.scores.slice(prompt.length - 1)).toEqual(whole.tokens.map(({ logprob }) => logprob));
    },
  );

  it('requests share cached pages exactly if their experts are chosen by the same rule', async () => {
    const engine = await startTinyEngine({ bundle: await tinyBundle({ ...shape, bits: 4 }), threads: 1 });
    onTestFinished(engine.close);
    const cachedBy = async (routing: RequestRouting | undefined) =>
      (await generate(engine, routing)).finish.cachedTokens;
    const distinct = [undefined, ...routings.slice(1)];
    for (const routing of distinct) expect([routing, await cachedBy(routing)]).toEqual([routing, 0]);
    for (const routing of distinct) expect([routing, await cachedBy(routing)]).toEqual([routing, 32]);
    expect(await cachedBy({ expertsPerToken: [1, 1, 1] })).toBe(32);
  });

  it('pages that are handed over serve only requests whose experts are chosen by the same rule', async () => {
    const bundle = await tinyBundle({ ...shape, bits: 4 });
    const [one, other] = [
      await startTinyEngine({ bundle, threads: 1 }),
      await startTinyEngine({ bundle, threads: 1 }),
    ];
    onTestFinished(async () => {
      await one.close();
      await other.close();
    });
    for (const routing of [{ expertsPerToken: [4, 4, 4] }, { unsureBudget: 6 }]) {
      const leave = new AbortController();
      const request = countingRequest({ prompt, maxTokens: 60, stopIds: [], routing });
      for await (const part of one.engine.generate(request, leave.signal)) {
        if (part.type !== 'token') continue;
        const prefix = await one.engine.readPrefix(request.id, 0);
        expect(prefix?.routing).toEqual(routing);
        expect(await other.engine.writePrefix(prefix!)).toBe(true);
        break;
      }
      const { finish, tokens } = await generate(other, routing);
      expect(finish.cachedTokens).toBe(32);
      const at = routings.findIndex((each) => isDeepStrictEqual(each, routing));
      expect(bitsOf(tokens)).toEqual(bitsOf(alone[at]!.tokens));
    }
    expect((await generate(other, undefined)).finish.cachedTokens).toBe(0);
  });
});
