// The sizes that the capacity model reads from a bundle with layers without experts and shared experts.
import { expect, it } from 'vitest';
import { readShape } from '../../../cli/capacity/read-shape.ts';
import { costsOf } from '../../../infra/capacity/costs.ts';
import { expertBytes, hopsOf, layersWork, meanExpertsPerToken } from '../../../infra/capacity/shape.ts';
import { awayUs, expertWork } from '../../../infra/capacity/step.ts';
import { denseTensors } from '../../../model/bundle/tensors.ts';
import { fixed } from '../../infra/capacity/fixed.ts';
import { withBundle } from '../../oracle/cases.ts';
import { loadCase } from '../../oracle/rebuild.ts';

// One dense layer of 4 and 4 experts a token; 3 dense layers of 5; a gated shared expert and no dense layer.
it.each([
  ['glm4_moe-1', 3, 4],
  ['llama4_text-1', 2, 1],
  ['qwen2_moe-3', undefined, undefined],
] as const)('%s', async (name, layers, k) => {
  await withBundle(await loadCase(name), 8, async ({ dir, config, manifest }) => {
    const shape = await readShape(dir);
    const units = manifest.experts.flat();
    expect(expertBytes(shape)).toBe(units.reduce((sum, { length }) => sum + length, 0));
    expect(hopsOf(shape)).toBe(layers ?? manifest.experts.length);
    expect(meanExpertsPerToken(shape)).toBe(k ?? config.expertsPerToken[0]);

    // Every matrix of a layer but those of experts, and the router, multiplies each row once.
    const multiplied = [...denseTensors(config)].filter(({ name, kind }) => {
      const isGate = name.endsWith('.mlp.gate.weight');
      return name.startsWith('model.layers.') && (kind === 'matrix' || isGate);
    });
    const work = multiplied.reduce((sum, { shape: [rows = 1, cols = 1] }) => sum + rows * cols, 0);
    expect(layersWork(shape)).toBe(work);

    const subject = { shape, costs: costsOf(fixed, shape) };
    expect(expertWork(subject, 1, 1).frames).toBeCloseTo(hopsOf(shape));
    const alone = awayUs(subject, 0, { roundTripUs: 100, shardWait: 0 });
    expect(alone).toBeCloseTo(hopsOf(shape) * (subject.costs.hopUs + 100));
  });
});
