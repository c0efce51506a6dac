// Our kernels against the rounding reference, on one checkpoint of every layout. numerics.slow.test.ts has all checkpoints, also
// for ONNX Runtime. test/reference/agreement.ts says which differences are allowed.
import { expect, it } from 'vitest';
import { bound, routingMargin } from '../support/measure.ts';
import { firstNames } from './cases.ts';
import { measureCase } from './measure-case.ts';

const tiled = [4, 8, 6] as const;
const runs = (await firstNames()).map((name, i) => ({ name, bits: tiled[i % tiled.length] ?? 4 }));

it.each(runs)(
  '$name at $bits bits: every position agrees with the reference to 1e-4',
  async ({ name, bits }) => {
    const { worst, regret } = await measureCase(name, bits, 'cpu');
    expect(worst).toBeLessThanOrEqual(bound);
    expect(regret).toBeLessThanOrEqual(routingMargin(bits));
  },
);
