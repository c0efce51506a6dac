// Tests that no optimisation changes a bit: compares ids and hashes of all logits with each optimisation on and off.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uniform } from '../../../gateway/engine/sampling/random.ts';
import {
  type Answer,
  answer,
  startTinyEngine,
  type TinyEngineOptions,
} from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

type Settings = Omit<TinyEngineOptions, 'bundle'>;

/** Bytes of a page of KV memory of the tiny model: 3 layers, keys and values of 2 heads of width 16, float16, 32 positions. */
const PAGE_BYTES = 3 * 2 * 2 * 16 * 2 * 32;

const cases: { name: string; settings: Settings; counter?: string }[] = [
  { name: 'one thread', settings: { threads: 1 } },
  { name: 'five shards', settings: { shards: 5 } },
  { name: 'chunks of 8 prompt rows', settings: { prefillRows: 8 } },
  { name: 'chunks of 500 prompt rows', settings: { prefillRows: 500 } },
  { name: 'three micro-batches', settings: { microBatches: 3 }, counter: 'micro_batches' },
  { name: 'guessed tokens', settings: { draftPrice: 0.3 }, counter: 'guessed_tokens' },
  {
    name: 'KV memory for a few sequences, so that the others are preempted',
    settings: { kvMemory: 24 * PAGE_BYTES },
    counter: 'preempted_sequences',
  },
  {
    name: 'several optimisations together',
    settings: { shards: 3, prefillRows: 24, microBatches: 2, draftPrice: 0.3, kvMemory: 30 * PAGE_BYTES },
  },
];

/** Prompts of 1 to 90 ids, many with a common prefix. Half of the requests are greedy, half sampled. */
function requests(count: number, maxTokens: number) {
  const draw = (n: number, i: number) => Math.floor(uniform(n, 0, i) * 250);
  return Array.from({ length: count }, (_, n) => {
    const shared = Array.from({ length: n % 3 === 0 ? 40 : 0 }, (_, i) => draw(9_999, i));
    const own = Array.from({ length: 1 + ((n * 7) % 50) }, (_, i) => draw(n, i));
    return { prompt: Int32Array.from([...shared, ...own]), maxTokens, temperature: n % 2, seed: n };
  });
}

/** On ONNX Runtime there are no shared blocks and no drafts. The other optimisations must be exact there, too. */
const ortCases = [
  'five shards',
  'chunks of 8 prompt rows',
  'chunks of 500 prompt rows',
  'three micro-batches',
];

export interface ExactnessOptions {
  prompts: number;
  tokens: number;
  device?: 'cpu' | 'ort-cpu';
}

export function exactnessSuite({ prompts, tokens, device = 'cpu' }: ExactnessOptions): void {
  const all = requests(prompts, tokens);
  let bundle: string;
  let alone: Answer[];

  async function run(settings: Settings, atOnce: boolean) {
    const { engine, close } = await startTinyEngine({
      bundle,
      device,
      threads: 2,
      maxSequences: 12,
      ...settings,
    });
    const answers: Answer[] = [];
    if (atOnce) answers.push(...(await Promise.all(all.map((request) => answer(engine, request)))));
    else for (const request of all) answers.push(await answer(engine, request));
    const { counters } = await engine.status();
    await close();
    return { answers, counters };
  }

  describe(`${prompts} prompts of ${tokens} tokens on ${device}`, () => {
    beforeAll(async () => {
      bundle = await tinyBundle({ kvHeads: 2, heads: 4, headDim: 16, vocab: 300, context: 512, bits: 4 });
      alone = (await run({ speculate: false }, false)).answers;
      expect(new Set(alone.flatMap(({ digests }) => digests)).size).toBeGreaterThan((prompts * tokens) / 4);
    });
    afterAll(() => {
      alone = [];
    });

    it('give the same bits when each is sent again, with its prefix cached', async () => {
      const { engine, close } = await startTinyEngine({ bundle, device, threads: 2 });
      for (const round of [0, 1]) {
        for (const [n, request] of all.entries())
          expect(await answer(engine, request), `${round}`).toEqual(alone[n]);
      }
      const { cached_prompt_tokens } = (await engine.status()).counters;
      if (device === 'cpu') expect(cached_prompt_tokens).toBeGreaterThan(prompts);
      else expect(cached_prompt_tokens).toBe(0);
      await close();
    });

    for (const { name, settings, counter } of cases.filter(
      (each) => device === 'cpu' || ortCases.includes(each.name),
    )) {
      it(`give the same bits all at once, ${name}`, async () => {
        const { answers, counters } = await run(settings, true);
        expect(answers).toEqual(alone);
        if (counter !== undefined) expect(counters[counter]).toBeGreaterThan(0);
      });
    }
  });
}
