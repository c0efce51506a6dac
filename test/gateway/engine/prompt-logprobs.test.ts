// The log-probabilities of a prompt's tokens, compared with the reference, and computed at once, in chunks and in batches.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { GenerationRequest, PromptLogprob } from '../../../gateway/engine/messages.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { weightsOfBundle } from '../../reference/bundle-weights.ts';
import { forward } from '../../reference/forward.ts';
import { countingRequest } from '../../support/engines/counting-engine.ts';
import { startTinyEngine, type TinyEngine } from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { uniform } from '../../support/random.ts';

const random = uniform(3);
const prompt = Int32Array.from({ length: 70 }, () => Math.floor(250 * random()));

const shape = { experts: 12, kvHeads: 2, heads: 4, headDim: 16 };
/** Bytes of 32 positions: 3 layers of keys and values in float16. */
const page = 3 * 2 * 2 * 16 * 2 * 32;

let bundle: string;
let engine: TinyEngine;
beforeAll(async () => {
  bundle = await tinyBundle({ ...shape, bits: 4 });
  engine = await startTinyEngine({ bundle, threads: 1 });
});
afterAll(() => engine.close());

interface Scored {
  logprobs: PromptLogprob[];
  ids: number[];
  types: string[];
}

async function score(request: Partial<GenerationRequest>, { engine: by } = engine): Promise<Scored> {
  const scored: Scored = { logprobs: [], ids: [], types: [] };
  const whole = countingRequest({ promptLogprobs: 2, maxTokens: 0, prompt, ...request });
  for await (const part of by.generate(whole, new AbortController().signal)) {
    scored.types.push(part.type);
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type === 'prompt') scored.logprobs.push(...part.logprobs);
    if (part.type === 'token') scored.ids.push(part.id);
  }
  return scored;
}

/** `[positions][vocab]` */
async function referenceLogprobs(bundle: string): Promise<number[][]> {
  const opened = await openBundle(bundle);
  const weights = await weightsOfBundle(opened);
  const { logits } = forward({
    config: opened.config,
    weights,
    ids: [...prompt],
  });
  await opened.close();
  return logits.map((row) => {
    const norm = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
    return [...row].map((logit) => logit - norm);
  });
}

it('log-probabilities of a prompt are those of the reference, with the likeliest tokens', async () => {
  const floats = await tinyBundle({ ...shape, bits: 32 });
  const expected = await referenceLogprobs(floats);
  const plain = await startTinyEngine({ bundle: floats, threads: 1 });
  const { logprobs, ids, types } = await score({}, plain);
  await plain.close();
  expect(logprobs.length).toBe(prompt.length - 1);
  for (const [i, { logprob, rank, top }] of logprobs.entries()) {
    const row = expected[i]!;
    const own = row[prompt[i + 1]!]!;
    expect(Math.abs(logprob - own)).toBeLessThan(1e-3);
    // Tokens as likely as this one may come before it or after it.
    const above = (by: number) => row.filter((other) => other > own + by).length;
    expect(rank).toBeGreaterThan(above(1e-3));
    expect(rank).toBeLessThanOrEqual(above(-1e-3));
    expect(Math.abs(top[0]!.logprob - Math.max(...row))).toBeLessThan(1e-3);
    expect(top.length).toBe(2);
  }
  expect(ids).toEqual([]);
  expect(types.at(-1)).toBe('finish');
});

it('log-probabilities of a prompt have the same bits alone, in chunks, in batches, and with a cached prefix', async () => {
  const { logprobs } = await score({});
  await score({ promptLogprobs: undefined, maxTokens: 2 });
  expect((await score({})).logprobs).toEqual(logprobs);
  const chunked = await startTinyEngine({ bundle, threads: 1, prefillRows: 8 });
  const [first, , third] = await Promise.all([
    score({}, chunked),
    score({ maxTokens: 8, prompt: prompt.slice(0, 30) }, chunked),
    score({ maxTokens: 3 }, chunked),
  ]);
  await chunked.close();
  expect(first.logprobs).toEqual(logprobs);
  expect(third.logprobs).toEqual(logprobs);
  expect(third.ids.length).toBe(3);
});

it('the sum of log-probabilities of a text is that of its beginning plus that of the rest given the beginning', async () => {
  const sum = (all: readonly PromptLogprob[]) => all.reduce((total, { logprob }) => total + logprob, 0);
  const whole = (await score({})).logprobs;
  for (const cut of [2, 17, 33, 69]) {
    const beginning = (await score({ prompt: prompt.slice(0, cut) })).logprobs;
    expect(sum(beginning) + sum(whole.slice(cut - 1))).toBeCloseTo(sum(whole), 6);
  }
});

it('log-probabilities of a prompt are sent once if the sequence is preempted meanwhile', async () => {
  const short = { prompt: prompt.slice(0, 40), maxTokens: 80 };
  const { logprobs, ids } = await score(short);
  const tight = await startTinyEngine({ bundle, threads: 1, kvMemory: 5 * page });
  const long = { prompt: prompt.slice(0, 30), maxTokens: 90, promptLogprobs: undefined };
  const [, scored] = await Promise.all([score(long, tight), score(short, tight)]);
  expect((await tight.engine.status()).counters.preempted_sequences).toBeGreaterThan(0);
  await tight.close();
  expect(scored.logprobs).toEqual(logprobs);
  expect(scored.ids).toEqual(ids);
});

it('a request with max_tokens 0 computes its prompt and then finishes', async () => {
  const { types } = await score({ promptLogprobs: undefined });
  expect(types).toEqual(['finish']);
});
