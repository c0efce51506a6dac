import { describe, expect, it } from 'vitest';
import { frames, fullest, touched } from '../../../infra/capacity/spread.ts';
import { uniform } from '../../support/random.ts';

const DRAWS = 4000;

/** Means over many draws: different places that `calls` calls reach, and calls of the fullest place. */
function drawn(places: number, calls: number): { reached: number; fullest: number } {
  const random = uniform(7);
  let reached = 0;
  let most = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    const counts = new Array<number>(places).fill(0);
    for (let call = 0; call < calls; call++) {
      const place = Math.floor(random() * places);
      counts[place] = counts[place]! + 1;
    }
    reached += counts.filter((count) => count > 0).length;
    most += Math.max(...counts);
  }
  return { reached: reached / DRAWS, fullest: most / DRAWS };
}

describe('rows that choose experts at random', () => {
  it.each([
    [96, 1],
    [96, 8],
    [96, 64],
    [4, 3],
    [8, 32],
  ])('reach as many of %i places with %i calls as draws do', (places, calls) => {
    expect(touched(places, calls)).toBeCloseTo(drawn(places, calls).reached, 0);
    expect(frames(places, calls)).toBe(touched(places, calls));
  });

  it.each([
    [2, 1],
    [2, 32],
    [4, 8],
    [4, 32],
    [8, 8],
    [8, 64],
  ])('fill the fullest of %i shards with %i calls as draws do, within 15 %%', (places, calls) => {
    const { fullest: expected } = drawn(places, calls);
    expect(Math.abs(fullest(places, calls) / expected - 1)).toBeLessThan(0.15);
  });

  it('never fill a shard with more than all calls or less than its share', () => {
    for (const places of [1, 2, 7, 96]) {
      for (const calls of [0.3, 1, 5, 200]) {
        expect(fullest(places, calls)).toBeLessThanOrEqual(calls);
        expect(fullest(places, calls)).toBeGreaterThanOrEqual(calls / places);
      }
    }
    expect(fullest(1, 12)).toBe(12);
  });
});
