// A model whose experts are prototypes: on devices and in an engine, with all experts in one shard and spread over three.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Route } from '../../../gateway/engine/messages.ts';
import { openBundle } from '../../../model/bundle/bundle.ts';
import { weightsOfBundle } from '../../reference/bundle-weights.ts';
import { forward } from '../../reference/forward.ts';
import { countingRequest } from '../../support/engines/counting-engine.ts';
import { startTinyEngine, type TinyEngine } from '../../support/engines/tiny-engine.ts';
import { bound, measure, routingMargin } from '../../support/measure.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

const [experts, prototypes, layers] = [12, 3, 2];
const size = experts / prototypes;
const shape = { experts, prototypes, layers, hidden: 64, seed: 6 };

it.each([
  [4, 'cpu'],
  [32, 'ort-cpu'],
] as const)('%i bits on %s: every position agrees with the reference', async (bits, device) => {
  const { worst, regret } = await measure({ ...shape, routedScale: 0.5 }, bits, device);
  expect(worst).toBeLessThanOrEqual(bound);
  expect(regret).toBeLessThanOrEqual(routingMargin(bits));
});

describe('an engine', () => {
  const prompt = Array.from({ length: 40 }, (_, i) => (31 * i + i * i) % 250);
  let dir: string;
  const open: TinyEngine[] = [];

  beforeAll(async () => {
    dir = await tinyBundle({ ...shape, bits: 32 });
    for (const shards of [1, 3])
      open.push(await startTinyEngine({ bundle: dir, device: 'ort-cpu', shards, threads: 1 }));
  });
  afterAll(async () => {
    for (const { close } of open) await close();
  });

  async function generate({ engine }: TinyEngine) {
    const told: { id: number; digest: string | undefined; route: Route | undefined }[] = [];
    const request = countingRequest({
      ...{ prompt: Int32Array.from(prompt), maxTokens: 8, stopIds: [] },
      ...{ digests: true, routes: true },
    });
    for await (const part of engine.generate(request, new AbortController().signal)) {
      if (part.type === 'error') throw new Error(part.error.message);
      if (part.type === 'token') told.push({ id: part.id, digest: part.digest, route: part.route });
    }
    return told;
  }

  it('uses one expert of every group, those of the reference, and gives the same bits over three shards', async () => {
    const [alone, spread] = [await generate(open[0]!), await generate(open[1]!)];
    expect(spread).toEqual(alone);
    for (const { route = [] } of alone) {
      expect(route).toHaveLength(layers);
      for (const ofLayer of route)
        expect(ofLayer.map((expert) => Math.floor(expert / size))).toEqual([0, 1, 2]);
    }
    const bundle = await openBundle(dir);
    const ids = [...prompt, ...alone.map(({ id }) => id)];
    const weights = await weightsOfBundle(bundle);
    const { logits, routing } = forward({ config: bundle.config, weights, ids });
    await bundle.close();
    for (const [i, { id, route }] of alone.entries()) {
      const position = prompt.length - 1 + i;
      const row = logits[position]!;
      expect(row.indexOf(Math.max(...row))).toBe(id);
      expect(route).toEqual(routing.map((layer) => layer[position]?.experts));
    }
  });

  it('refuses another number of experts per token, and takes the number of prototypes', async () => {
    for (const [k, type] of [
      [prototypes, 'finish'],
      [prototypes - 1, 'error'],
      [prototypes + 1, 'error'],
    ] as const) {
      const request = countingRequest({
        maxTokens: 1,
        routing: { expertsPerToken: new Array(layers).fill(k) },
      });
      const parts = [];
      for await (const part of open[0]!.engine.generate(request, new AbortController().signal))
        parts.push(part);
      expect(parts.at(-1)).toMatchObject({ type });
      if (type === 'error')
        expect(parts.at(-1)).toMatchObject({
          error: { message: 'experts_per_token is not 2 numbers from 3 to 3' },
        });
    }
  });
});
