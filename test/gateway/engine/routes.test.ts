// The experts that are reported for an answer's tokens in all kinds of batches. They are compared with the experts of devices
// that this test runs without an engine.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationRequest, Route } from '../../../gateway/engine/messages.ts';
import { routingRules } from '../../../gateway/engine/scheduling/rules.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { openDenseDevice, openExpertDevice } from '../../../model/devices/open.ts';
import { drive } from '../../support/drive.ts';
import { countingRequest } from '../../support/engines/counting-engine.ts';
import {
  startTinyEngine,
  type TinyEngine,
  type TinyEngineOptions,
} from '../../support/engines/tiny-engine.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { uniform } from '../../support/random.ts';

const layers = 3;
const experts = 12;
const k = [2, 1, 3];

interface Told {
  ids: number[];
  routes: (Route | undefined)[];
}

async function generate({ engine }: TinyEngine, request: Partial<GenerationRequest>): Promise<Told> {
  const told: Told = { ids: [], routes: [] };
  const whole = countingRequest({ routes: true, ...request });
  for await (const part of engine.generate(whole, new AbortController().signal)) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type !== 'token') continue;
    told.ids.push(part.id);
    told.routes.push(part.route);
  }
  return told;
}

/** Prompts of 1 to 70 ids. A third of them start with the same 40 ids, and every second answer repeats itself. */
const requests = Array.from({ length: 12 }, (_, n) => {
  const random = uniform(n % 3 === 0 ? 9 : n);
  const draw = () => Math.floor(250 * random());
  const prompt = Int32Array.from({ length: n % 3 === 0 ? 41 + n : 1 + ((n * 13) % 70) }, draw);
  const { sampling } = countingRequest();
  const logitBias = n % 2 === 0 ? [] : [[65, 60] as const, [66, 60] as const];
  return { prompt, maxTokens: 24, sampling: { ...sampling, logitBias } };
});

describe('routes', () => {
  let bundle: string;
  let plain: TinyEngine;
  let alone: Told[];

  beforeAll(async () => {
    bundle = await tinyBundle({ layers, experts, k });
    plain = await startTinyEngine({ bundle, threads: 1, speculate: false });
    alone = [];
    for (const request of requests) alone.push(await generate(plain, request));
  });
  afterAll(() => plain.close());

  it('are the experts of the position before each token, best first, in every layer', async () => {
    const { prompt } = requests[1]!;
    const { ids, routes } = alone[1]!;
    const { chosen, positions } = await byHand([...prompt, ...ids.slice(0, -1)], prompt.length);
    const expected = positions.map((position) => chosen.map((ofLayer) => ofLayer[position]));
    expect(routes).toEqual(expected);
    expect(routes.map((route) => route?.map(({ length }) => length))).toEqual(ids.map(() => k));
  });

  const changes: { name: string; settings: Omit<TinyEngineOptions, 'bundle'>; counter?: string }[] = [
    { name: 'five shards', settings: { shards: 5 } },
    { name: 'chunks of prompts', settings: { prefillRows: 8 } },
    { name: 'micro-batches', settings: { microBatches: 3 } },
    { name: 'drafted tokens', settings: { draftPrice: 0.3 }, counter: 'kept_guesses' },
    {
      name: 'too little KV memory for all',
      settings: { kvMemory: 40 * 2 ** 10 },
      counter: 'preempted_sequences',
    },
  ];
  it.each(changes)('are the same for each token with $name', async ({ settings, counter }) => {
    const changed = await startTinyEngine({ bundle, threads: 1, ...settings });
    const told = await Promise.all(requests.map((request) => generate(changed, request)));
    const { counters } = await changed.engine.status();
    await changed.close();
    expect(told).toEqual(alone);
    if (counter !== undefined) expect(counters[counter]).toBeGreaterThan(0);
  });

  it('are reported even if the prompt was cached, but only if the request asks for them', async () => {
    const [again, unasked] = await Promise.all([
      generate(plain, requests[0]!),
      generate(plain, { ...requests[0]!, routes: false }),
    ]);
    expect(again).toEqual(alone[0]);
    expect(unasked).toEqual({ ids: alone[0]!.ids, routes: alone[0]!.ids.map(() => undefined) });
    expect((await plain.engine.status()).counters.cached_prompt_tokens).toBeGreaterThan(0);
  });

  it('have each expert as often as the heat counts it, if the prompts have one token', async () => {
    const engine = await startTinyEngine({ bundle, threads: 1 });
    const answers = [];
    for (let id = 0; id < 6; id++) answers.push(await generate(engine, { prompt: Int32Array.of(id) }));
    const { totals } = await engine.engine.heat();
    await engine.close();
    const counted = new Float64Array(layers * experts);
    for (const route of answers.flatMap(({ routes }) => routes)) {
      for (const [layer, chosen] of route!.entries()) {
        for (const expert of chosen) counted[layer * experts + expert]!++;
      }
    }
    expect([...totals]).toEqual([...counted]);
  });

  async function byHand(ids: readonly number[], promptLength: number) {
    const opened = await openBundle(bundle);
    const { config } = opened;
    const dense = await openDenseDevice({ bundle: opened, threads: 1 });
    const device = await openExpertDevice({ bundle: opened, threads: 1 });
    await device.load(
      Array.from({ length: layers * experts }, (_, i) => {
        return { layer: Math.floor(i / experts), expert: i % experts };
      }),
    );
    const steps = [promptLength, ...new Array<number>(ids.length - promptLength).fill(1)];
    const rules = await routingRules(opened);
    const driven = await drive({ config, dense, experts: device, rules, ids, steps });
    await dense.dispose();
    await device.dispose();
    await opened.close();
    return { chosen: driven.experts, positions: steps.map((_, i) => promptLength - 1 + i) };
  }
});
