// The devices against the rounding reference, on the checkpoints of every layout.
// test/reference/agreement.ts says which differences are allowed.
import { describe, expect, it } from 'vitest';
import { bound, type Measurement, routingMargin, summary } from '../support/measure.ts';
import { computedNames } from './cases.ts';
import { measureCase } from './measure-case.ts';

const names = await computedNames();

describe.each([
  [8, 'cpu'],
  [8, 'ort-cpu'],
  [6, 'cpu'],
  [6, 'ort-cpu'],
  [4, 'cpu'],
  [4, 'ort-cpu'],
] as const)('at %i bits, every position agrees with the reference to 1e-4 on %s', (bits, device) => {
  const all: Measurement[] = [];

  it.each(names)('%s', async (name) => {
    const measured = await measureCase(name, bits, device);
    expect(measured.worst).toBeLessThanOrEqual(bound);
    expect(measured.regret).toBeLessThanOrEqual(routingMargin(bits));
    all.push(measured);
  });

  it('seldom because a tie was rounded the other way', () => {
    console.log(summary(`${bits} bits on ${device}`, all));
    const turned = all.reduce((sum, { turned: ties }) => sum + ties.length, 0);
    const positions = all.reduce((sum, one) => sum + one.positions, 0);
    expect(turned / positions).toBeLessThan(0.1);
  });
});
