// Our kernels against the rounding reference, on checkpoints of the layouts with special maths. numerics.slow.test.ts has all checkpoints, also
// for ONNX Runtime. test/reference/agreement.ts says which differences are allowed.
import { expect, it } from 'vitest';
import { bound, routingMargin } from '../support/measure.ts';
import { measureCase } from './measure-case.ts';

const tiled = [4, 8, 6] as const;
const names = ['gpt_oss-1', 'llama4_text-1', 'glm4_moe-1', 'hunyuan_v1_moe-1', 'qwen2_moe-1', 'sigma-1'];
const runs = names.map((name, i) => ({ name, bits: tiled[i % tiled.length] ?? 4 }));

it.each(runs)(
  '$name at $bits bits: every position agrees with the reference to 1e-4',
  async ({ name, bits }) => {
    const { worst, regret } = await measureCase(name, bits, 'cpu');
    expect(worst).toBeLessThanOrEqual(bound);
    expect(regret).toBeLessThanOrEqual(routingMargin(bits));
  },
);
