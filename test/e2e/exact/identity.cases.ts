// Tests that neither the place of the experts nor other requests change a bit of an answer. A test file for each
// precision uses these cases.
import { describe, expect, it } from 'vitest';
import type { Bits } from '../../../model/bundle/tensors.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { seedOf, uniform } from '../../support/random.ts';
import { type Completion, complete, type Gateway, startUp } from '../gateway.ts';

const MAX_TOKENS = 12;

/** Flags of `up`. */
export const layouts = [['--in-process'], ['--shards', '1'], ['--shards', '4'], ['--shards', '7']] as const;

/** Prompts of one to some hundred ids. Half of the requests are greedy, half sampled. */
const requests = Array.from({ length: 20 }, (_, i) => ({
  prompt: bytes(1 + Math.floor((i * i) / 4), seedOf(1, `prompt ${i}`)),
  max_tokens: MAX_TOKENS,
  logprobs: 2,
  expertgrid: { digests: true },
  ...(i % 2 === 0 ? { temperature: 0 } : { temperature: 0.9, seed: 1000 + i }),
}));

function bytes(length: number, seed: number): number[] {
  const next = uniform(seed);
  return Array.from({ length }, () => Math.floor(256 * next()));
}

/**
 * The parts that must be equal: the text, the ids with their log-probabilities, and the hashes of all logits. The number
 * of cached tokens may differ.
 */
function essence({ choices, usage, expertgrid }: Completion) {
  const { prompt_tokens, completion_tokens } = usage;
  return { choices, usage: { prompt_tokens, completion_tokens }, digests: expertgrid.digests };
}

async function alone(up: Gateway) {
  const answers = [];
  for (const request of requests) answers.push(essence(await complete(up, request)));
  return answers;
}

/** Runs each request at the same time as seven others. */
async function together(up: Gateway) {
  const answers = [];
  for (let first = 0; first < requests.length; first += 8) {
    const batch = Array.from({ length: 8 }, (_, i) => requests[(first + i) % requests.length]);
    answers.push(...(await Promise.all(batch.map(async (one) => essence(await complete(up, one ?? {}))))));
  }
  return answers.slice(0, requests.length);
}

export interface IdentityOptions {
  bits: Bits;
  /** Number of experts for a token, for each of the three layers. */
  k: readonly number[];
  among?: readonly (typeof layouts)[number][];
}

export function identityCases({ bits, k, among = layouts }: IdentityOptions): void {
  describe(`at ${bits} bits, with ${k.join(', ')} experts a token`, () => {
    let reference: Awaited<ReturnType<typeof alone>> | undefined;

    for (const layout of among) {
      it(`up ${layout.join(' ')} gives the bits of the first layout, alone and among seven other requests`, async () => {
        const up = await startUp(await tinyBundle({ bits, k, seed: bits }), layout);
        const answers = await alone(up);
        reference ??= answers;
        expect(answers).toEqual(reference);
        expect(await together(up)).toEqual(reference);
        up.process.signal('SIGTERM');
        await up.process.exit;
      });
    }

    it('compares answers that are neither empty nor all equal', () => {
      const digests = reference?.map((answer) => answer.digests?.flat() ?? []) ?? [];
      expect(digests.map((each) => each.length)).toEqual(requests.map(() => MAX_TOKENS));
      expect(new Set(digests.flat()).size).toBe(requests.length * MAX_TOKENS);
      expect(new Set(reference?.map(({ choices }) => choices[0]?.text)).size).toBe(requests.length);
    });
  });
}
