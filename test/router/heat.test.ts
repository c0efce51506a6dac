import { describe, expect, it } from 'vitest';
import { Heat } from '../../router/heat.ts';
import type { Assignment } from '../../router/routing/assignment.ts';

const halfLifeSeconds = 10;

/** A clock that the test moves, in milliseconds. */
function clock() {
  const self = { ms: 1000, now: () => self.ms };
  return self;
}

function chosen(k: number, ...experts: number[]): Assignment {
  return { k, experts: Uint16Array.from(experts), weights: new Float32Array(experts.length) };
}

function openHeat({
  layers = 2,
  experts = 4,
  ...options
}: Partial<ConstructorParameters<typeof Heat>[0]> = {}) {
  const time = clock();
  return { time, heat: new Heat({ layers, experts, halfLifeSeconds, now: time.now, ...options }) };
}

describe('counts', () => {
  it('include every row and rank, but no row that is masked out', () => {
    const { heat } = openHeat();
    heat.step().count(0, chosen(2, 0, 1, 2, 3, 0, 2), Uint8Array.of(1, 0, 1));
    heat.step().count(0, chosen(2, 0, 3));
    const { counts, totals } = heat.report();
    expect([...totals]).toEqual([3, 1, 1, 1, 0, 0, 0, 0]);
    expect([...counts]).toEqual([...totals]);
  });

  it('halve with every half-life, and totals never do', () => {
    const { heat, time } = openHeat();
    heat.step().count(0, chosen(1, 1, 1));
    time.ms += 10_000;
    heat.step().count(0, chosen(1, 1, 2));
    time.ms += 5_000;
    const { counts, totals } = heat.report();
    expect(counts[1]).toBeCloseTo((2 / 2 + 1) * Math.SQRT1_2, 9);
    expect(counts[2]).toBeCloseTo(Math.SQRT1_2, 9);
    expect(totals[1]).toBe(3);
  });

  it('do not depend on when and how often they are read', () => {
    const [often, once] = [openHeat(), openHeat()];
    for (let second = 0; second < 1000; second++) {
      for (const { heat, time } of [often, once]) {
        time.ms += 1000;
        heat.step().count(0, chosen(1, second % 4));
      }
      often.heat.report({ successors: true });
    }
    const [a, b] = [often.heat.report().counts, once.heat.report().counts];
    for (const [unit, count] of a.entries()) expect(count).toBeCloseTo(b[unit]!, 6);
    // Each expert gets a row every 4 s, and the half-life is 10 s: 1 + 2^-0.4 + 2^-0.8 + …
    expect(a[999 % 4]).toBeCloseTo(1 / (1 - 2 ** -0.4), 6);
  });

  it('are 0, not NaN, after years without a row', () => {
    const { heat, time } = openHeat();
    const step = heat.step();
    step.count(0, chosen(1, 0));
    time.ms += 3 * 365 * 24 * 3600 * 1000;
    expect([...heat.report().counts].every((count) => count === 0)).toBe(true);
    step.count(1, chosen(1, 3));
    const { counts, totals } = heat.report();
    expect([counts[7], totals[0]]).toEqual([1, 1]);
  });

  it('count steps by their rows, in powers of two', () => {
    const { heat } = openHeat();
    for (const rows of [1, 2, 3, 4, 5]) heat.step().count(0, chosen(1, ...new Array<number>(rows).fill(0)));
    heat.step().count(0, chosen(1, 0, 0, 0), Uint8Array.of(1, 0, 0));
    heat.step().count(1, chosen(1, 0));
    expect(heat.report().steps).toEqual([
      { rows: 1, count: 2 },
      { rows: 2, count: 1 },
      { rows: 4, count: 2 },
      { rows: 8, count: 1 },
    ]);
  });
});

describe('successors', () => {
  it('follow each row from layer to layer, even if steps overlap', () => {
    const { heat } = openHeat();
    const [a, b] = [heat.step(), heat.step()];
    a.count(0, chosen(1, 0, 1));
    b.count(0, chosen(1, 2));
    b.count(1, chosen(1, 3));
    a.count(1, chosen(1, 2, 2), Uint8Array.of(1, 0));
    const { successors } = heat.report({ successors: true });
    expect(successors).toEqual([[[[2, 1]], [], [[3, 1]], []]]);
  });

  it('belong to the best expert of each row, and those with the most rows come first', () => {
    const { heat } = openHeat();
    for (const next of [1, 3, 3]) {
      const step = heat.step();
      step.count(0, chosen(2, 0, 2));
      step.count(1, chosen(2, next, 0));
    }
    expect(heat.report({ successors: true }).successors?.[0]).toEqual([
      [
        [3, 2],
        [1, 1],
      ],
      [],
      [],
      [],
    ]);
  });

  it('have no pair for a row without an expert in one of the layers', () => {
    const { heat } = openHeat();
    const step = heat.step();
    step.count(0, { ...chosen(1, 1), starts: Uint32Array.of(0, 0, 1) });
    step.count(1, { ...chosen(1, 2, 3), starts: Uint32Array.of(0, 1, 2) });
    const { successors, totals } = heat.report({ successors: true });
    expect(successors).toEqual([[[], [[3, 1]], [], []]]);
    expect([...totals]).toEqual([0, 1, 0, 0, 0, 0, 1, 1]);
  });

  it('are reported only on request, and not counted if they need more memory than allowed', () => {
    expect(openHeat().heat.report().successors).toBeUndefined();
    const bytes = 4 * 4 * 4;
    const kept = openHeat({ successorBytes: bytes }).heat;
    expect(kept.report({ successors: true }).successors).toHaveLength(1);
    const { heat } = openHeat({ successorBytes: bytes - 1 });
    const step = heat.step();
    step.count(0, chosen(1, 0));
    step.count(1, chosen(1, 1));
    expect(heat.report({ successors: true }).successors).toBeUndefined();
    expect(heat.report().totals[5]).toBe(1);
  });
});

it('refuses a half-life of 0', () => {
  expect(() => openHeat({ halfLifeSeconds: 0 })).toThrow('half-life of 0 s');
});
