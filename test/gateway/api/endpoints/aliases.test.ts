import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawVersion, type Weights } from '../../../../gateway/api/endpoints/aliases.ts';

const keys = Array.from({ length: 4_000 }, (_, i) => `key-${i}`);
const weightsOf = (weights: Record<string, number>): Weights => new Map(Object.entries(weights));
const draw = (weights: Record<string, number>) =>
  keys.map((key) => drawVersion('chat', weightsOf(weights), key));

describe('the version of an alias that is drawn for a key', () => {
  test('is chosen in proportion to the weights', () => {
    const drawn = draw({ a: 70, b: 25, c: 5 });
    const share = (version: string) => drawn.filter((each) => each === version).length / keys.length;
    expect(share('a')).toBeCloseTo(0.7, 1);
    expect(share('b')).toBeCloseTo(0.25, 1);
    expect(share('c')).toBeCloseTo(0.05, 1);
    expect(share('c')).toBeGreaterThan(0);
  });

  test('never has the weight 0', () => {
    expect(new Set(draw({ a: 0, b: 3, c: 0 }))).toEqual(new Set(['b']));
    expect(() => drawVersion('chat', weightsOf({ a: 0 }), 'key')).toThrow('chat has no version');
  });

  test('does not depend on the order or the unit of the weights', () => {
    expect(draw({ b: 0.1, a: 0.9 })).toEqual(draw({ a: 90, b: 10 }));
  });

  test('is independent for different aliases', () => {
    const weights = weightsOf({ a: 1, b: 1 });
    const same = keys.filter((key) => drawVersion('x', weights, key) === drawVersion('y', weights, key));
    expect(same.length / keys.length).toBeCloseTo(0.5, 1);
  });

  test('changes only to the version whose weight was raised', () => {
    const weight = fc.integer({ min: 0, max: 100 });
    const weights = fc.tuple(weight, weight, fc.integer({ min: 1, max: 100 }));
    const raise = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(weights, raise, fc.string(), ([a, b, c], more, key) => {
        const before = drawVersion('chat', weightsOf({ a, b, c }), key);
        const after = drawVersion('chat', weightsOf({ a: a + more, b, c }), key);
        expect([before, 'a']).toContain(after);
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});
