import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, MicroBatches } from '../../../../gateway/engine/scheduling/micro-batches.ts';
import { uniform } from '../../../support/random.ts';

/** Milliseconds of a step of 16 sequences. The dense part takes `dense` for each micro-batch, and the hops take `hop`. */
function run(steps: number, dense: number, hop: number, noise = 0): { chosen: number[]; ms: number } {
  const random = uniform(3);
  const tuner = new MicroBatches();
  const chosen: number[] = [];
  let total = 0;
  for (let step = 0; step < steps; step++) {
    const batches = tuner.choose(16);
    const exact = Math.max(batches * dense, dense + hop / batches);
    const ms = exact * (1 + noise * random());
    tuner.learn({ sequences: 16, ms, idleMs: Math.max(0, ms - batches * dense) });
    chosen.push(batches);
    total += ms;
  }
  return { chosen, ms: total / steps };
}

describe('the number of micro-batches', () => {
  it('stays 1, without trials, if waits are short', () => {
    expect(new Set(run(500, 10, 1.5).chosen)).toEqual(new Set([1]));
  });

  it('grows to the fastest number if waits are long, and stays there', () => {
    const { chosen, ms } = run(500, 1, 12);
    expect(chosen[0]).toBe(1);
    expect(chosen.slice(-100).filter((batches) => batches === 4).length).toBeGreaterThan(90);
    expect(chosen.indexOf(4)).toBeLessThan(25);
    expect(ms).toBeLessThan(0.4 * (1 + 12));
  });

  it('finds the fastest number although no two steps take the same time', () => {
    const { chosen } = run(1_000, 1, 12, 0.6);
    expect(chosen.slice(-500).filter((batches) => batches === 4).length).toBeGreaterThan(400);
  });

  it('is not misled by a machine that becomes slower during a trial', () => {
    const tuner = new MicroBatches();
    const chosen: number[] = [];
    for (let step = 0; step < 400; step++) {
      const batches = tuner.choose(16);
      const slower = step % 40 < 20 ? 1 : 1.5;
      tuner.learn({ sequences: 16, ms: slower * (9 + batches), idleMs: 4 });
      chosen.push(batches);
    }
    expect(chosen.slice(50).filter((batches) => batches === 1).length).toBeGreaterThan(320);
  });

  it('costs little time for trials if 1 is best although waits are long', () => {
    const tuner = new MicroBatches();
    let total = 0;
    for (let step = 0; step < 1000; step++) {
      const batches = tuner.choose(16);
      const ms = 10 * batches;
      tuner.learn({ sequences: 16, ms, idleMs: 8 });
      total += ms;
    }
    expect(total / 10_000).toBeLessThan(1.03);
  });

  it('never exceeds the number of sequences', () => {
    const tuner = new MicroBatches();
    for (let step = 0; step < 200; step++) {
      const batches = tuner.choose(2);
      expect(batches).toBeLessThanOrEqual(2);
      tuner.learn({ sequences: 2, ms: 10 / batches, idleMs: 9 });
    }
    expect(tuner.choose(1)).toBe(1);
  });
});

describe('cutting a step', () => {
  it('keeps every span once and in order, in at most the given number of parts', () => {
    const spans = fc.array(fc.record({ count: fc.integer({ min: 1, max: 300 }) }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 8 }), (all, parts) => {
        const cuts = cut(all, parts);
        expect(cuts.flat()).toEqual(all);
        expect(cuts.length).toBeLessThanOrEqual(parts);
        for (const part of cuts) expect(part.length).toBeGreaterThan(0);
      }),
      { seed: 8, numRuns: 300 },
    );
    expect(
      cut(
        [1, 1, 1, 1].map((count) => ({ count })),
        2,
      ).map((part) => part.length),
    ).toEqual([2, 2]);
  });
});
