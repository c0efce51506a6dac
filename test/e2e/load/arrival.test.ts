// The order in which shards answer changes no bit, because answers are added in the order of rank.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ShardService } from '../../../experts/service.ts';
import { Engine } from '../../../gateway/engine/engine.ts';
import { type GenerationRequest, neutralSampling } from '../../../gateway/engine/messages.ts';
import { routingRules } from '../../../gateway/engine/scheduling/rules.ts';
import { type Bundle, openBundle } from '../../../model/bundle/bundle.ts';
import type { DenseDevice } from '../../../model/devices/dense.ts';
import type { ExpertDevice, Unit } from '../../../model/devices/expert.ts';
import { openDenseDevice, openExpertDevice, openHostKernels } from '../../../model/devices/open.ts';
import { Fleet } from '../../../router/fleet.ts';
import { localMember } from '../../../router/shards/member.ts';
import type { Handlers } from '../../../rpc/transport.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { uniform } from '../../support/random.ts';

const SHARDS = 6;
const LONGEST_DELAY_MS = 4;

let bundle: Bundle;
let dense: DenseDevice;
let experts: ExpertDevice;
let units: Unit[];
beforeAll(async () => {
  bundle = await openBundle(await tinyBundle({ k: [4, 2, 8] }));
  const { config } = bundle;
  dense = await openDenseDevice({ bundle });
  experts = await openExpertDevice({ bundle });
  units = Array.from({ length: config.layers * config.experts }, (_, i) => {
    return { layer: Math.floor(i / config.experts), expert: i % config.experts };
  });
  await experts.load(units);
});
afterAll(async () => {
  await experts.dispose();
  await dense.dispose();
  await bundle.close();
});

/** `called`: number of calls so far. `answered`: indexes of the calls, in the order in which they were answered. */
interface Arrivals {
  called: number;
  answered: number[];
}

/** Delays each answer by a random time. Without `next`, answers come at once. */
function delayed(handlers: Handlers, arrivals: Arrivals, next: (() => number) | undefined): Handlers {
  const run = handlers['expert.run'];
  if (run === undefined) throw new Error('the service has no expert.run');
  return {
    ...handlers,
    'expert.run': async (params, context) => {
      const call = arrivals.called++;
      const answer = await run(params, context);
      if (next !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, Math.floor(next() * LONGEST_DELAY_MS)));
      }
      arrivals.answered.push(call);
      return answer;
    },
  };
}

/**
 * Generates two answers at once over shards that hold the units that `ownerOf` gives them. Returns the hashes of all
 * logits.
 */
async function generate(ownerOf: (unit: number) => number, next?: () => number) {
  const { config, manifest } = bundle;
  const { identity, contentHash } = manifest;
  const model = { identity, layers: config.layers, experts: config.experts, hidden: config.hidden };
  const arrivals: Arrivals = { called: 0, answered: [] };
  const members = Array.from({ length: SHARDS }, (_, shard) => {
    const { handlers } = new ShardService({
      models: [
        {
          device: experts,
          model: { ...model, content: contentHash, bits: bundle.bits, group: bundle.group },
          units: units.filter((_, unit) => ownerOf(unit) === shard),
        },
      ],
      version: 'test',
    });
    return localMember(`shard-${shard}`, delayed(handlers, arrivals, next));
  });
  const fleet = new Fleet({ members, model });
  expect(await fleet.whenReady(1_000)).toBe(true);
  const rules = await routingRules(bundle);
  const engine = new Engine({
    config,
    identity,
    content: contentHash,
    dense,
    ...openHostKernels({ bundle }),
    fleet,
    rules,
  });
  const digests = await Promise.all([4, 23].map((length, i) => digestsOf(engine, length, i)));
  await engine.close(0);
  fleet.close();
  return { digests, arrivals };
}

async function digestsOf(engine: Engine, length: number, choice: number): Promise<(string | undefined)[]> {
  const request: GenerationRequest = {
    id: String(choice),
    prompt: Int32Array.from({ length }, (_, i) => (31 * i + choice) % 256),
    maxTokens: 6,
    sampling: { ...neutralSampling, temperature: 0.9, seed: 7, choice },
    stopIds: [],
    digests: true,
  };
  const digests = [];
  for await (const part of engine.generate(request, new AbortController().signal)) {
    if (part.type === 'error') throw new Error(part.error.message);
    if (part.type === 'token') digests.push(part.digest);
  }
  return digests;
}

it('gives the same logits for any owners of the units and any order of their answers', async () => {
  const reference = await generate((unit) => unit % SHARDS);
  expect(reference.digests.map((each) => new Set(each).size)).toEqual([6, 6]);

  let runs = 0;
  let outOfOrder = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const next = uniform(seed);
      const owners = units.map(() => Math.floor(next() * SHARDS));
      const { digests, arrivals } = await generate((unit) => owners[unit] ?? 0, next);
      expect(digests).toEqual(reference.digests);
      runs++;
      outOfOrder += arrivals.answered.filter((call, i) => call < (arrivals.answered[i - 1] ?? 0)).length;
    }),
    { seed: 20_251, numRuns: 12 },
  );
  // In every run, many answers overtook others, so the delays had an effect.
  expect(outOfOrder).toBeGreaterThan(10 * runs);
}, 60_000);
