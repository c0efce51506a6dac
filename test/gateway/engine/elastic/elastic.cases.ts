// Settings of experts per token, and how an engine is compared with the slow reference.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  GenerationPart,
  GenerationRequest,
  RequestRouting,
} from '../../../../gateway/engine/messages.ts';
import { openBundle } from '../../../../model/bundle/bundle.ts';
import { splitBudget } from '../../../../router/routing/request-routing.ts';
import { UNSURE_SHARE } from '../../../../router/selection.ts';
import { weightsOfBundle } from '../../../reference/bundle-weights.ts';
import { forward } from '../../../reference/forward.ts';
import type { Choice } from '../../../reference/routing.ts';
import { countingRequest } from '../../../support/engines/counting-engine.ts';
import { startTinyEngine, type TinyEngine } from '../../../support/engines/tiny-engine.ts';
import type { ScoreRule } from '../../../support/models/checkpoint.ts';
import { tinyBundle } from '../../../support/models/tiny-bundle.ts';

export const [experts, layers] = [12, 3];
export const shape = { experts, layers, kvHeads: 2, heads: 4, headDim: 16 };
export const prompt = Int32Array.from({ length: 37 }, (_, i) => (31 * i + i * i) % 250);

export const routings: readonly RequestRouting[] = [
  ...[1, 2, 4, 6].map((k) => ({ expertsPerToken: new Array<number>(layers).fill(k) })),
  { expertsPerToken: [3, 1, 2] },
  { expertsPerToken: splitBudget(7, layers) },
  { unsureBudget: 3 },
  { unsureBudget: 6 },
  { unsureBudget: layers * experts },
];

type Token = Extract<GenerationPart, { type: 'token' }>;
type Finish = Extract<GenerationPart, { type: 'finish' }>;

export async function generate(
  { engine }: TinyEngine,
  routing: RequestRouting | undefined,
  more: Partial<GenerationRequest> = {},
) {
  const tokens: Token[] = [];
  const scores: number[] = [];
  const own = { prompt, maxTokens: 6, stopIds: [], digests: true, routes: true, ...(routing && { routing }) };
  for await (const part of engine.generate(
    countingRequest({ ...own, ...more }),
    new AbortController().signal,
  )) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type === 'prompt') scores.push(...part.logprobs.map(({ logprob }) => logprob));
    else if (part.type === 'token') tokens.push(part);
    else return { tokens, scores, finish: part satisfies Finish };
  }
  throw new Error('the generation has no finish');
}

/** What must not depend on the other requests. */
export const bitsOf = (tokens: readonly Token[]) =>
  tokens.map(({ id, digest, route }) => ({ id, digest, route }));

/** The rule of a routing, as plainly as it can be written. */
function countOf(routing: RequestRouting) {
  const spent: number[] = [];
  return ({ weights }: Choice, { hop, position }: { hop: number; position: number }): number => {
    if (routing.unsureBudget === undefined) return routing.expertsPerToken![hop]!;
    const before = spent[position] ?? 0;
    const kept = layers - 1 - hop;
    let count = 1;
    while (
      count < experts &&
      before + count + kept < routing.unsureBudget &&
      weights[count]! >= UNSURE_SHARE * weights[0]!
    )
      count++;
    spent[position] = before + count;
    return count;
  };
}

/** Compares every routing with the reference, with all experts in one shard and spread over three. */
export function describeReference(score: ScoreRule, asked: readonly RequestRouting[]): void {
  describe(`with ${score} weights`, () => {
    const short = { prompt: prompt.subarray(0, 16), maxTokens: 4 };
    let dir: string;
    const open: TinyEngine[] = [];
    beforeAll(async () => {
      dir = await tinyBundle({ ...shape, score, bits: 32 });
      for (const shards of [1, 3])
        open.push(await startTinyEngine({ bundle: dir, device: 'ort-cpu', shards, threads: 1 }));
    });
    afterAll(async () => {
      for (const { close } of open) await close();
    });

    it.each(asked)(
      '%j uses the experts of the reference, with the same bits over three shards',
      async (routing) => {
        const { tokens } = await generate(open[0]!, routing, short);
        expect(bitsOf((await generate(open[1]!, routing, short)).tokens)).toEqual(bitsOf(tokens));
        const bundle = await openBundle(dir);
        const weights = await weightsOfBundle(bundle);
        const ids = [...short.prompt, ...tokens.map(({ id }) => id)];
        const { logits, routing: choices } = forward({
          ...{ config: bundle.config, weights, ids, countOf: countOf(routing) },
        });
        await bundle.close();
        for (const [i, { id, route }] of tokens.entries()) {
          const position = short.prompt.length - 1 + i;
          const row = logits[position]!;
          expect(route).toEqual(choices.map((layer) => layer[position]?.experts));
          expect(row.indexOf(Math.max(...row))).toBe(id);
        }
      },
    );
  });
}
