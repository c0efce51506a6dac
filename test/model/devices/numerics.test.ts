// The devices against the reference, on random tiny checkpoints of every layout and score rule.
// ONNX Runtime at 6, 8 and 32 bits is in numerics.slow.test.ts. test/reference/agreement.ts says which differences are allowed.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkpointDraw } from '../../support/draws.ts';
import { bound, type Measurement, measure, routingMargin, summary } from '../../support/measure.ts';

/** Enough checkpoints for each of the 6 score rules of `checkpointDraw` with each k from 1 to 3. */
const draws = 18;

test.each([
  [4, 'ort-cpu'],
  [8, 'cpu'],
  [6, 'cpu'],
  [4, 'cpu'],
] as const)(
  '%i bits on %s: every position agrees with the reference to 1e-4',
  {
    timeout: 120_000,
  },
  async (bits, device) => {
    const all: Measurement[] = [];
    for (let index = 0; index < draws; index++) {
      const [options] = fc.sample(checkpointDraw(index), { seed: 1000 * bits + index, numRuns: 1 });
      if (!options) throw new Error('fast-check drew nothing');
      const measured = await measure(options, bits, device);
      expect(measured.worst, JSON.stringify(options)).toBeLessThanOrEqual(bound);
      expect(measured.regret, JSON.stringify(options)).toBeLessThanOrEqual(routingMargin(bits));
      all.push(measured);
    }
    console.log(summary(`${bits} bits on ${device}`, all));
  },
);
