// Expert capacity in an engine: compared with the reference, and equal in all kinds of batches.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { GenerationPart, GenerationRequest, Route } from '../../../gateway/engine/messages.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { withBundle } from '../../oracle/cases.ts';
import { loadCase } from '../../oracle/rebuild.ts';
import { weightsOfBundle } from '../../reference/bundle-weights.ts';
import { forward } from '../../reference/forward.ts';
import { countingRequest } from '../../support/engines/counting-engine.ts';
import {
  startTinyEngine,
  type TinyEngine,
  type TinyEngineOptions,
} from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { uniform } from '../../support/random.ts';

const [experts, k, layers, factor] = [12, 2, 2, 0.75];
const shape = { experts, layers, kvHeads: 2, heads: 4, headDim: 16 };
/** Bytes of 32 positions: keys and values of all layers in float16. */
const page = layers * 2 * 2 * 16 * 2 * 32;
const random = uniform(8);
const prompt = Int32Array.from({ length: 70 }, () => Math.floor(250 * random()));

type Options = Omit<TinyEngineOptions, 'bundle'>;

interface Told {
  tokens: unknown[];
  prompt: number[];
  finish: Extract<GenerationPart, { type: 'finish' }>;
}

/** Requests have the capacity `factor`, unless they say otherwise. */
type Asked = Omit<Partial<GenerationRequest>, 'expertCapacity'> & { expertCapacity?: number | undefined };

function requestOf(asked: Asked): GenerationRequest {
  const usual = { prompt, maxTokens: 30, stopIds: [], digests: true, routes: true, expertCapacity: factor };
  const { expertCapacity, ...request } = { ...usual, ...asked };
  return countingRequest({ ...request, ...(expertCapacity !== undefined && { expertCapacity }) });
}

async function generate({ engine }: TinyEngine, asked: Asked = {}): Promise<Told> {
  const told: Pick<Told, 'tokens' | 'prompt'> = { tokens: [], prompt: [] };
  for await (const part of engine.generate(requestOf(asked), new AbortController().signal)) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type === 'prompt') told.prompt.push(...part.logprobs.map(({ logprob }) => logprob));
    if (part.type === 'token') told.tokens.push([part.id, part.digest, part.route]);
    if (part.type === 'finish') return { ...told, finish: part };
  }
  throw new Error('there was no finish');
}

async function openEngine(options: Options, shaped = {}): Promise<TinyEngine> {
  const bundle = await tinyBundle({ ...shape, k, ...shaped });
  const tiny = await startTinyEngine({ bundle, threads: 1, ...options });
  onTestFinished(tiny.close);
  return tiny;
}

describe('the log-probabilities of a prompt and the dropped calls are those of the reference', () => {
  it.each([
    ['the best two experts of all', { k }, 1],
    ['one expert of each of three prototypes, over three shards', { k: undefined, prototypes: 3 }, 3],
  ])('%s', async (_, own, shards) => {
    const shaped = { ...shape, ...own, bits: 32 } as const;
    const tiny = await openEngine({ device: 'ort-cpu', shards }, shaped);
    const short = prompt.slice(0, 40);
    const asked = { prompt: short, promptLogprobs: 0, maxTokens: 0 };
    const { prompt: logprobs, finish } = await generate(tiny, asked);
    const bundle = await openBundle(await tinyBundle(shaped));
    const options = { config: bundle.config, weights: await weightsOfBundle(bundle), ids: [...short] };
    await bundle.close();
    const { logits, dropped } = forward({ ...options, capacity: { factor, tokens: short.length } });
    expect(finish.droppedCalls).toBe(dropped);
    expect(dropped).toBeGreaterThan(10);
    expectLogprobs(logprobs, [...short], logits);
  });

  it('a single expert whose weight multiplies the input', async () => {
    const each = await loadCase('llama4_text-1');
    await withBundle(each, 32, async (bundle) => {
      const { dir, config } = bundle;
      const tiny = await startTinyEngine({ bundle: dir, device: 'ort-cpu', threads: 1 });
      onTestFinished(tiny.close);
      const asked = {
        prompt: Int32Array.from(each.tokens),
        expertCapacity: 0.5,
        promptLogprobs: 0,
        maxTokens: 0,
      };
      const { prompt: logprobs, finish } = await generate(tiny, asked);
      const { logits, dropped } = forward({
        ...{ config, weights: await weightsOfBundle(bundle), ids: each.tokens },
        capacity: { factor: 0.5, tokens: each.tokens.length },
      });
      expect(dropped).toBeGreaterThan(0);
      expect(finish.droppedCalls).toBe(dropped);
      expectLogprobs(logprobs, each.tokens, logits);
    });
  });
});

/** Log-probabilities of all ids but the first. */
function expectLogprobs(
  found: readonly number[],
  ids: readonly number[],
  logits: readonly Float64Array[],
): void {
  expect(found).toHaveLength(ids.length - 1);
  for (const [position, id] of ids.slice(1).entries()) {
    const row = logits[position]!;
    const sum = row.reduce((all, logit) => all + Math.exp(logit), 0);
    expect(found[position]).toBeCloseTo(row[id]! - Math.log(sum), 3);
  }
}

describe('an answer', () => {
  let alone: Told;
  let plain: TinyEngine;
  beforeAll(async () => {
    const bundle = await tinyBundle({ ...shape, k });
    plain = await startTinyEngine({ bundle, threads: 1, speculate: false });
    alone = await generate(plain);
    expect(alone.finish.droppedCalls).toBeGreaterThan(20);
    const routes = alone.tokens.slice(1).map((token) => (token as [unknown, unknown, Route])[2]);
    expect(routes.flat().every((ofLayer) => ofLayer.length === k)).toBe(true);
  });
  afterAll(() => plain.close());

  const others = Array.from({ length: 5 }, (_, n) => ({
    prompt: prompt.slice(0, 20 + 9 * n),
    expertCapacity: n % 2 === 0 ? 0.5 : undefined,
  }));

  it.each<[string, Options, string?]>([
    ['in chunks of 8 rows', { prefillRows: 8 }],
    ['over five shards and in three micro-batches', { shards: 5, microBatches: 3 }],
    ['with drafts', { draftPrice: 0.3, speculate: true }],
    ['with so little memory that sequences are preempted', { kvMemory: 6 * page }, 'preempted_sequences'],
  ])('beside other requests %s has the same bits', async (_, options, counter) => {
    const tiny = await openEngine(options);
    const asked = [{}, ...others, {}].map((request) => generate(tiny, request));
    const all = await Promise.all(asked);
    for (const told of [all.at(0), all.at(-1)]) expect(told).toEqual(alone);
    const { counters } = await tiny.engine.status();
    if (counter !== undefined) expect(counters[counter]).toBeGreaterThan(0);
  });

  it('neither uses the cached prefix of other requests nor leaves one for them', async () => {
    const tiny = await openEngine({});
    const free = { expertCapacity: 1000 };
    const unlimited = await generate(tiny, free);
    expect(await generate(tiny)).toEqual(alone);
    expect(await generate(tiny)).toEqual(alone);
    expect((await tiny.engine.status()).counters.cached_prompt_tokens).toBe(0);
    const { tokens } = await generate(plain, { expertCapacity: undefined });
    expect(unlimited.tokens).toEqual(tokens);
    expect(unlimited.finish.droppedCalls).toBe(0);
  });

  it('gives no computed blocks to another engine', async () => {
    for (const [expertCapacity, isGiven] of [
      [factor, false],
      [undefined, true],
    ] as const) {
      const request = requestOf({ expertCapacity });
      for await (const part of plain.engine.generate(request, new AbortController().signal)) {
        if (part.type !== 'token') continue;
        const prefix = await plain.engine.readPrefix(request.id, 0);
        expect(prefix !== undefined).toBe(isGiven);
        break;
      }
    }
  });

  it('that spends a budget of calls where its rows are unsure has the same bits in any batch', async () => {
    const unsure = { routing: { unsureBudget: 6 } };
    const wanted = await generate(plain, unsure);
    expect(wanted.finish.droppedCalls).toBeGreaterThan(0);
    const tiny = await openEngine({ prefillRows: 8, shards: 3 });
    const [told] = await Promise.all([unsure, ...others].map((request) => generate(tiny, request)));
    expect(told).toEqual(wanted);
  });

  it('that continues with known ids goes on as if it had not been interrupted', async () => {
    const ids = alone.tokens.map((token) => (token as [number])[0]);
    const known = Int32Array.from(ids.slice(0, 20));
    const { tokens, finish } = await generate(plain, { known, unreported: 20 });
    expect(tokens).toEqual(alone.tokens.slice(20));
    expect(finish).toEqual(alone.finish);
  });

  it('of another choice has the same prompt', async () => {
    const tiny = await openEngine({});
    const choices = [{ id: 'first' }, { id: 'second', sharesPromptOf: 'first' }];
    const both = await Promise.all(choices.map((choice) => generate(tiny, choice)));
    expect(both).toEqual([alone, alone]);
  });

  it('with another number of experts per token has a capacity for that number', async () => {
    const routing = { expertsPerToken: new Array(layers).fill(1) };
    const one = await generate(plain, { routing });
    const same = await generate(await openEngine({}, { k: 1 }));
    expect(one.tokens).toEqual(same.tokens);
    expect(one.finish.droppedCalls).toBe(same.finish.droppedCalls);
  });
});

it('a capacity that is not above 0 is refused', async () => {
  const tiny = await openEngine({});
  for (const expertCapacity of [0, -1, Number.NaN])
    await expect(generate(tiny, { expertCapacity })).rejects.toThrow('expert_capacity is');
});
