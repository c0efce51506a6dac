import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { draw, kernels, paths } from './support.ts';

afterEach(() => {
  kernels.setPath(paths[0]!);
  kernels.setThreads(1);
});

/** Coarse values, so that ties are common, with some NaN and infinities. */
const value = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: -20, max: 20 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) },
);
const rows = fc
  .record({ n: fc.integer({ min: 1, max: 5 }), width: fc.integer({ min: 1, max: 150 }) })
  .chain(({ n, width }) =>
    fc.record({
      n: fc.constant(n),
      width: fc.constant(width),
      k: fc.integer({ min: 1, max: width }),
      values: fc.array(value, { minLength: n * width, maxLength: n * width }),
    }),
  );

/** Ids of a row from best to worst. */
function order(row: Float32Array): number[] {
  const key = (id: number) => (Number.isNaN(row[id]) ? Number.NEGATIVE_INFINITY : row[id]!);
  const ids = Array.from(row, (_, id) => id);
  return ids.sort((a, b) => (key(a) === key(b) ? a - b : key(b) - key(a)));
}

describe('topk and argmax', () => {
  it('equal a full sort, in which the lower id comes first among equals, on every path', () => {
    fc.assert(
      fc.property(rows, ({ n, width, k, values }) => {
        const logits = Float32Array.from(values);
        const expected = Array.from({ length: n }, (_, r) =>
          order(logits.subarray(r * width, (r + 1) * width)),
        );
        for (const path of paths) {
          kernels.setPath(path);
          kernels.setThreads(2);
          const ids = new Int32Array(n * k);
          const best = new Float32Array(n * k);
          kernels.topk(logits, n, width, k, ids, best);
          expect([...ids]).toEqual(expected.flatMap((row) => row.slice(0, k)));
          expect([...best]).toEqual(
            expected.flatMap((row, r) => row.slice(0, k).map((id) => logits[r * width + id]!)),
          );
          kernels.argmax(logits, n, width, ids, best);
          expect([...ids.subarray(0, n)]).toEqual(expected.map(([first]) => first));
        }
      }),
      { seed: 6, numRuns: 200 },
    );
  });

  it('find the largest logits of a whole vocabulary', () => {
    const width = 200_064;
    const logits = draw(7, width);
    const expected = order(logits).slice(0, 4096);
    for (const path of paths) {
      kernels.setPath(path);
      const ids = new Int32Array(4096);
      const values = new Float32Array(4096);
      kernels.topk(logits, 1, width, 4096, ids, values);
      expect([...ids]).toEqual(expected);
      kernels.argmax(logits, 1, width, ids, values);
      expect(ids[0]).toBe(expected[0]);
    }
  });
});

describe('logsumexp', () => {
  it('agrees with float64, with the same bits on every path', () => {
    for (const width of [1, 15, 16, 1024, 1025, 200_064]) {
      for (const temperature of [1, 0.3, 2.5]) {
        const logits = draw(width, width, 8);
        const top = logits.reduce((a, b) => Math.max(a, b));
        const sum = logits.reduce((total, each) => total + Math.exp((each - top) / temperature), 0);
        const expected = top / temperature + Math.log(sum);
        const results = paths.map((path) => {
          kernels.setPath(path);
          const y = new Float64Array(1);
          kernels.logsumexp(logits, 1, width, temperature, y);
          return y[0]!;
        });
        expect(new Set(results).size).toBe(1);
        expect(Math.abs(results[0]! - expected)).toBeLessThan(3e-6 * Math.max(1, Math.abs(expected)));
      }
    }
  });
});
