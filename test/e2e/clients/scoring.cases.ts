// Tests scoring as evaluation harnesses do it, with the openai client: compares log-probabilities of given texts with the
// float64 reference and with each other.
import OpenAI from 'openai';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { weightsOfBundle } from '../../reference/bundle-weights.ts';
import { type ForwardResult, forward } from '../../reference/forward.ts';
import type { Nano } from './nano.ts';

const text = 'It is a truth universally acknowledged, that a single man must be in want of a wife.';

/** For each id but the first, its log-probability in the reference, given the ids before it. */
async function openReference(dir: string): Promise<(ids: readonly number[]) => number[]> {
  const bundle = await openBundle(dir);
  const { config, bits } = bundle;
  const weights = await weightsOfBundle(bundle);
  await bundle.close();
  // The kernels round activations, keys and values; ONNX Runtime, which runs 16 bits, keeps them in float32.
  const rounding =
    bits < 16
      ? ({ activations: 'int8', keyValues: 'float16' } as const)
      : ({ activations: 'float' } as const);
  return (ids) => logprobsOf(ids, forward({ config, weights, ids, ...rounding }));
}

function logprobsOf(ids: readonly number[], { logits }: ForwardResult): number[] {
  return ids.slice(1).map((id, i) => {
    const row = logits[i];
    if (row === undefined) throw new Error(`the reference has no logits at ${i}`);
    return (row[id] ?? Number.NaN) - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
  });
}

/** What a user may say first. A model ends its answer to one of them, but not to all. */
const OPENINGS = [
  'Good morning.',
  'Hello!',
  'Who are you?',
  'What is a whale?',
  'Thank you.',
  'Define honesty.',
];

/** A turn that the model ends by itself: ids of the prompt and of the answer, without the stop id. */
async function endedTurn(url: string): Promise<{ context: number[]; continuation: number[] }> {
  for (const content of OPENINGS) {
    const body = { model: 'nano', messages: [{ role: 'user', content }] };
    const asked = { ...body, max_tokens: 200, temperature: 0, return_token_ids: true };
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    });
    const { prompt_token_ids: context, choices } = (await response.json()) as {
      prompt_token_ids: number[];
      choices: { token_ids: number[]; finish_reason: string }[];
    };
    const [answer] = choices;
    if (answer?.finish_reason === 'stop' && answer.token_ids.length > 1) {
      return { context, continuation: answer.token_ids.slice(0, -1) };
    }
  }
  throw new Error('the model ends none of its turns');
}

export interface ScoringOptions {
  /** Directory of the served bundle. */
  dir: () => Promise<string>;
  /** Largest allowed error of a log-probability. Below 16 bits, an activation may round the other way than in the reference. */
  each: number;
  /** Largest allowed error of the sum over an answer. */
  sum: number;
}

/** `given` returns the process of `expertgrid up`, once it has started. */
export function scoringSuite(name: string, given: () => Nano, within: ScoringOptions): void {
  describe(`scoring by ${name}`, () => {
    let referenceLogprobs: (ids: readonly number[]) => number[];
    let nano: Nano;
    let client: OpenAI;
    let ids: number[];
    beforeAll(async () => {
      nano = given();
      referenceLogprobs = await openReference(await within.dir());
      client = new OpenAI({ baseURL: nano.baseURL, apiKey: 'none', maxRetries: 0, fetch: nano.fetch });
      const body = JSON.stringify({ prompt: text });
      const response = await fetch(`${nano.url}/tokenize`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      ({ tokens: ids } = (await response.json()) as { tokens: number[] });
    });
    afterEach(() => nano.requirePublished());

    /** Log-probabilities of each prompt without its first token, which has none. */
    async function scored(
      prompts: number[][] | string[],
      more: { max_tokens?: number } = {},
    ): Promise<number[][]> {
      const asked = { model: 'nano', prompt: prompts, echo: true, logprobs: 1, max_tokens: 0, ...more };
      const { choices } = await client.completions.create(asked);
      return choices.map(({ logprobs }) => {
        const all: (number | null)[] = logprobs?.token_logprobs ?? [];
        expect(all[0]).toBeNull();
        return all.slice(1).map((logprob) => logprob ?? Number.NaN);
      });
    }
    const sum = (logprobs: readonly number[]) => logprobs.reduce((total, one) => total + one, 0);

    it('log-probabilities of a text equal those of the reference, sent as text or as ids', async () => {
      const expected = referenceLogprobs(ids);
      const [byIds = []] = await scored([ids]);
      expect(await scored([text])).toEqual([byIds]);
      expect(byIds.length).toBe(expected.length);
      expect(
        Math.max(...byIds.map((logprob, i) => Math.abs(logprob - (expected[i] ?? Number.NaN)))),
      ).toBeLessThan(within.each);
    });

    it('the log-probability of a text is the sum over its prefix and its continuation, wherever it is cut', async () => {
      const cuts = [2, 3, Math.floor(ids.length / 2), ids.length - 1];
      const [whole = []] = await scored([ids]);
      const beginnings = await scored(cuts.map((cut) => ids.slice(0, cut)));
      // As harnesses do, this also generates one token, which is ignored.
      const [asked = []] = await scored([ids], { max_tokens: 1 });
      expect(asked.slice(0, whole.length)).toEqual(whole);
      for (const [i, cut] of cuts.entries()) {
        const rest = whole.slice(cut - 1);
        expect(sum(beginnings[i] ?? []) + sum(rest)).toBeCloseTo(sum(whole), 6);
      }
    });

    it('the log-probabilities of a continuation after which the model stops list all its tokens and then the stop id', async () => {
      const { context, continuation } = await endedTurn(nano.url);
      const prompt = [...context, ...continuation];
      const fields = { model: 'nano', prompt, echo: true, logprobs: 1, max_tokens: 1, temperature: 0 };
      const [choice] = (await client.completions.create(fields)).choices;
      expect(choice?.finish_reason).toBe('stop');
      const { tokens, token_logprobs, top_logprobs, text_offset } = choice?.logprobs ?? {};
      expect(tokens?.at(-1)).toBe('<|end|>');
      for (const each of [tokens, token_logprobs, top_logprobs, text_offset]) {
        expect(each?.length).toBe(prompt.length + 1);
      }
      // lm-evaluation-harness uses the entries between the context and the last entry.
      const harness = sum(token_logprobs?.slice(context.length, -1) ?? []);
      const expected = referenceLogprobs(prompt);
      expect(Math.abs(harness - sum(expected.slice(context.length - 1)))).toBeLessThan(within.sum);
    });

    it('an answer has the same log-probabilities when it is generated and when it is scored afterwards', async () => {
      const prompt = ids.slice(0, 7);
      const asked = {
        model: 'nano',
        prompt,
        max_tokens: 12,
        seed: 4,
        logprobs: 1,
        ...{ return_token_ids: true, ignore_eos: true },
      };
      const [said] = (await client.completions.create(asked)).choices;
      if (said === undefined || !('token_ids' in said)) throw new Error('the answer has no token_ids');
      const answer = said.token_ids as number[];
      const [whole = []] = await scored([[...prompt, ...answer]]);
      const behind = whole.slice(prompt.length - 1);
      expect(behind.length).toBe(12);
      for (const [i, logprob] of behind.entries()) {
        expect(Math.abs(logprob - (said.logprobs?.token_logprobs?.[i] ?? Number.NaN))).toBeLessThan(1e-3);
      }
    });
  });
}
