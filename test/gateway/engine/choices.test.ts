// Several choices of one prompt, the order of requests in the queue, and requests that set the number of experts per token.
import { expect, it, onTestFinished } from 'vitest';
import { collect, countingRequest, openCountingEngine } from '../../support/engines/counting-engine.ts';
import { startTinyEngine } from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

const prompt = Int32Array.from({ length: 40 }, (_, i) => (7 * i) % 50);

it('choices of one prompt compute the prompt once', async () => {
  const { generate, engine } = await openCountingEngine({ blockSize: 4 });
  const choices = Array.from({ length: 5 }, (_, choice) => {
    const id = choice === 0 ? 'first' : `other-${choice}`;
    return collect(generate({ id, prompt, ...(choice > 0 && { sharesPromptOf: 'first' }) }));
  });
  const answers = await Promise.all(choices);
  for (const { ids } of answers) expect(ids).toEqual(answers[0]!.ids);
  const { prompt_tokens, cached_prompt_tokens } = (await engine.status()).counters;
  expect(cached_prompt_tokens).toBe(4 * 36);
  expect(prompt_tokens).toBe(40 + 4 * 4);
});

it('a choice computes the prompt itself if the choice that was computing it is aborted', async () => {
  const { generate, engine } = await openCountingEngine({ blockSize: 4, maxSequences: 1 });
  const busy = collect(generate({ maxTokens: 30 }));
  const leave = new AbortController();
  const first = collect(engine.generate(countingRequest({ id: 'first', prompt }), leave.signal)).catch(
    () => {},
  );
  const second = collect(generate({ prompt, sharesPromptOf: 'first' }));
  leave.abort();
  await Promise.all([busy, first]);
  expect((await second).ids).toHaveLength(4);
});

it('requests leave the queue by priority number, the lowest first, and by arrival if their numbers are equal', async () => {
  const { generate } = await openCountingEngine({ maxSequences: 1 });
  const ended: string[] = [];
  const ask = async (name: string, priority?: number) => {
    await collect(generate({ maxTokens: 2, ...(priority !== undefined && { priority }) }));
    ended.push(name);
  };
  await Promise.all([ask('a'), ask('late', 5), ask('b'), ask('first', -1), ask('c', 0)]);
  expect(ended).toEqual(['first', 'a', 'b', 'c', 'late']);
});

it('no stop id comes before min_tokens', async () => {
  const { generate } = await openCountingEngine();
  const early = await collect(generate({ maxTokens: 9, stopIds: [6] }));
  expect(early.last).toMatchObject({ reason: 'stop', completionTokens: 3 });
  const late = await collect(generate({ maxTokens: 9, stopIds: [6], minTokens: 5 }));
  expect(late.ids.length).toBeGreaterThanOrEqual(5);
  expect(late.ids).not.toContain(6);
});

it('experts_per_token applies only to the rows of its request, and requests with another value share no prefix', async () => {
  const bundle = await tinyBundle({ experts: 12 });
  const { engine, close } = await startTinyEngine({ bundle, threads: 1 });
  onTestFinished(close);
  const long = Int32Array.from({ length: 70 }, (_, i) => (11 * i) % 250);
  const ask = async (expertsPerToken?: readonly number[]) => {
    const told: unknown[] = [];
    const request = countingRequest({ prompt: long, digests: true, routes: true, maxTokens: 6 });
    const whole = { ...request, ...(expertsPerToken && { routing: { expertsPerToken } }) };
    for await (const part of engine.generate(whole, new AbortController().signal)) {
      if (part.type === 'error') throw new Error(part.error.message);
      if (part.type === 'token')
        told.push([part.id, part.digest, part.route?.map((experts) => experts.length)]);
    }
    return told;
  };
  const own = await ask();
  const more = await ask([3, 1, 2]);
  expect(more[0]).toEqual([expect.anything(), expect.anything(), [3, 1, 2]]);
  expect(own[0]).toEqual([expect.anything(), expect.anything(), [1, 1, 1]]);
  expect(await ask([1, 1, 1])).toEqual(own);
  const together = await Promise.all([ask(), ask([3, 1, 2]), ask(), ask([3, 1, 2])]);
  expect(together).toEqual([own, more, own, more]);
});

it.each([[[1]], [[1, 7]], [[0, 1]]])('experts per token %j are refused', async (expertsPerToken) => {
  const { generate } = await openCountingEngine();
  const { last } = await collect(generate({ routing: { expertsPerToken } }));
  expect(last).toMatchObject({ type: 'error', error: { code: 'invalid_request' } });
});
