// Layers without experts in an engine: they make no hop, and heat, routes and `experts_per_token` do not count them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerationPart, GenerationRequest } from '../../gateway/engine/messages.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { convert } from '../../model/convert/convert.ts';
import { countingRequest } from '../support/engines/counting-engine.ts';
import { startTinyEngine, type TinyEngine } from '../support/engines/tiny-engine.ts';
import { loadCase, type OracleCase, writeOracleCheckpoint } from './rebuild.ts';
import { runBundle } from './run-case.ts';

const maxTokens = 6;

// The first of 4 layers is dense; 3 of 5 layers are dense, and weights multiply inputs.
describe.each([
  { name: 'glm4_moe-1', layers: 4, withExperts: 3, k: 4 },
  { name: 'llama4_text-1', layers: 5, withExperts: 2, k: 1 },
])('$name', ({ name, layers, withExperts, k }) => {
  let each: OracleCase;
  let dir: string;
  let tiny: TinyEngine;
  let parts: GenerationPart[];

  beforeAll(async () => {
    each = await loadCase(name);
    dir = await mkdtemp(join(tmpdir(), 'oracle-'));
    await writeOracleCheckpoint(join(dir, 'from'), each);
    await convert({ from: join(dir, 'from'), to: join(dir, 'to'), bits: 8, workers: 1 });
    tiny = await startTinyEngine({ bundle: join(dir, 'to'), threads: 1, speculate: false, shards: 1 });
    parts = await generate({ routes: true });
  });
  afterAll(async () => {
    await tiny.close();
    await rm(dir, { recursive: true });
  });

  async function generate(request: Partial<GenerationRequest>): Promise<GenerationPart[]> {
    const prompt = Int32Array.from(each.tokens);
    const parts: GenerationPart[] = [];
    const whole = countingRequest({ prompt, maxTokens, stopIds: [], ...request });
    for await (const part of tiny.engine.generate(whole, new AbortController().signal)) parts.push(part);
    return parts;
  }

  const tokensOf = (all: GenerationPart[]) => all.filter((part) => part.type === 'token');

  it('has layers without experts', async () => {
    const bundle = await openBundle(join(dir, 'to'));
    expect(bundle.config.layers).toBe(layers);
    await bundle.close();
    const { info } = tiny.engine;
    expect([info.layers, info.expertsPerToken]).toEqual([withExperts, new Array(withExperts).fill(k)]);
  });

  it('calls the shard once for each layer with experts in each step', async () => {
    const { counters } = await tiny.engine.status();
    expect(counters.steps).toBeGreaterThanOrEqual(maxTokens);
    expect(counters.micro_batches).toBe(counters.steps);
    expect(counters.expert_calls).toBe(withExperts * counters.steps!);
    expect(counters.expert_rows).toBe(withExperts * k * counters.step_rows!);
  });

  it('counts heat in the layers with experts', async () => {
    const { counters } = await tiny.engine.status();
    const heat = await tiny.engine.heat();
    expect([heat.layers, heat.totals.length]).toEqual([withExperts, withExperts * heat.experts]);
    for (let layer = 0; layer < withExperts; layer++) {
      const rows = heat.totals.subarray(layer * heat.experts, (layer + 1) * heat.experts);
      expect(rows.reduce((sum, count) => sum + count, 0)).toBe(k * counters.step_rows!);
    }
  });

  it('reports the experts of the layers with experts, and the tokens of a pass by hand', async () => {
    const ids = tokensOf(parts).map(({ id }) => id);
    expect(ids).toHaveLength(maxTokens);
    const all = [...each.tokens, ...ids.slice(0, -1)];
    const bundle = await openBundle(join(dir, 'to'));
    const steps = [each.tokens.length, ...new Array<number>(ids.length - 1).fill(1)];
    const { logits, routing } = await runBundle(bundle, all, { bits: 8, steps });
    await bundle.close();
    const positions = ids.map((_, i) => each.tokens.length - 1 + i);
    expect(ids).toEqual(positions.map((position) => likeliest(logits[position]!)));
    const routes = tokensOf(parts).map(({ route }) => {
      return route?.map((experts) => experts.toSorted((a, b) => a - b));
    });
    expect(routes).toEqual(positions.map((position) => routing.map((layer) => layer[position])));
  });

  it('refuses a list of experts per token that counts layers without experts', async () => {
    const [last] = await generate({ routing: { expertsPerToken: new Array(layers).fill(1) } });
    expect(last).toMatchObject({
      type: 'error',
      error: { code: 'invalid_request', message: expect.stringContaining(`not ${withExperts} numbers`) },
    });
    const answer = await generate({ routing: { expertsPerToken: new Array(withExperts).fill(1) } });
    expect(tokensOf(answer)).toHaveLength(maxTokens);
  });

  it('serves several experts per token, unless the weight multiplies the input', async () => {
    const answer = await generate({ routing: { expertsPerToken: new Array(withExperts).fill(2) } });
    if (k > 1) expect(tokensOf(answer)).toHaveLength(maxTokens);
    else expect(answer).toMatchObject([{ type: 'error', error: { code: 'invalid_request' } }]);
  });
});

function likeliest(logits: Float32Array): number {
  return logits.indexOf(Math.max(...logits));
}
