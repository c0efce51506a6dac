import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, choose } from '../../router/choice.ts';
import { uniform } from '../support/random.ts';

interface Priced extends Candidate {
  ms: number;
}

function priced(ms: number): Priced {
  return { ms, cost: () => ms, isHere: false };
}

const costs = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 8 });
const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('choose returns undefined without candidates, and a single candidate without drawing', () => {
  const never = () => {
    throw new Error('drew');
  };
  const only = priced(1e6);
  expect(choose([], [], never)).toBeUndefined();
  expect(choose([only], [priced(1)], never)).toBe(only);
});

test('a candidate in this thread is chosen without drawing, whatever it costs and whoever gets a frame anyway', () => {
  const near = { ...priced(50), isHere: true };
  const others = [priced(1), priced(2)];
  const never = () => {
    throw new Error('drew');
  };
  for (const candidates of [
    [near, ...others],
    [...others, near],
  ]) {
    expect(choose(candidates, others, never)).toBe(near);
  }
});

describe('of two drawn candidates', () => {
  test('the cheaper one is chosen, and the two are never the same', () => {
    fc.assert(
      fc.property(costs, draw, draw, (all, u, v) => {
        const candidates = all.map(priced);
        const numbers = [u, v];
        const taken = choose(candidates, [], () => numbers.shift() ?? 0)!;
        const a = Math.floor(u * all.length);
        const rest = candidates.filter((_, i) => i !== a);
        const b = rest[Math.floor(v * rest.length)]!;
        expect([candidates[a], b]).toContain(taken);
        expect(taken.ms).toBe(Math.min(candidates[a]!.ms, b.ms));
      }),
      { seed: 2, numRuns: 1_000 },
    );
  });

  test('the most expensive candidate is never chosen, and every other candidate is chosen sometimes', () => {
    const candidates = [1, 2, 3, 9].map(priced);
    const random = uniform(5);
    const taken = new Map<number, number>();
    for (let i = 0; i < 600; i++) {
      const { ms } = choose(candidates, [], random)!;
      taken.set(ms, (taken.get(ms) ?? 0) + 1);
    }
    expect(taken.has(9)).toBe(false);
    // Of the six pairs, three contain the cheapest candidate, two others the second cheapest, and the last pair the third.
    expect((taken.get(1) ?? 0) / 600).toBeCloseTo(3 / 6, 1);
    expect((taken.get(2) ?? 0) / 600).toBeCloseTo(2 / 6, 1);
    expect((taken.get(3) ?? 0) / 600).toBeCloseTo(1 / 6, 1);
  });

  test('each one is chosen equally often if all candidates cost the same', () => {
    const candidates = [4, 4, 4].map(priced);
    const random = uniform(6);
    const times = candidates.map(() => 0);
    for (let i = 0; i < 900; i++) times[candidates.indexOf(choose(candidates, [], random)!)]!++;
    for (const each of times) expect(Math.abs(each - 300)).toBeLessThan(60);
  });
});

describe('a shard that gets a frame anyway', () => {
  test('is chosen if it costs at most twice as much as the drawn one; of several such shards, the cheapest is chosen', () => {
    fc.assert(
      fc.property(
        costs,
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        draw,
        draw,
        (all, flags, u, v) => {
          const candidates = all.map(priced);
          const asked = candidates.filter((_, i) => flags[i]);
          const drawnOf = [u, v];
          const drawn = choose(candidates, [], () => drawnOf.shift() ?? 0)!;
          const numbers = [u, v];
          const taken = choose(candidates, asked, () => numbers.shift() ?? 0)!;
          const cheapest = Math.min(...asked.map(({ ms }) => ms));
          if (asked.length > 0 && cheapest <= 2 * drawn.ms) {
            expect(asked).toContain(taken);
            expect(taken.ms).toBe(cheapest);
          } else {
            expect(taken).toBe(drawn);
          }
        },
      ),
      { seed: 4, numRuns: 1_000 },
    );
  });

  test('is not chosen if it holds no replica', () => {
    const stranger = priced(1);
    const candidates = [priced(5), priced(6)];
    expect(candidates).toContain(choose(candidates, [stranger], () => 0));
  });
});
