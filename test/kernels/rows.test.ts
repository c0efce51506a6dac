import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createHostKernels } from '../../model/devices/host-kernels.ts';
import { combine } from '../../router/combine.ts';
import { relativeError } from '../support/error.ts';
import { draw, firstDifference, kernels, onEveryPath } from './support.ts';

afterEach(() => kernels.setThreads(1));

const shapes = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  width: fc.integer({ min: 1, max: 200 }),
  n: fc.integer({ min: 1, max: 70 }),
});

function rmsnorm(x: Float32Array, weight: Float32Array, eps: number): Float64Array {
  const width = weight.length;
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length / width; row++) {
    const values = x.subarray(row * width, (row + 1) * width);
    const mean = values.reduce((sum, value) => sum + value * value, 0) / width;
    for (let i = 0; i < width; i++) y[row * width + i] = (values[i]! / Math.sqrt(mean + eps)) * weight[i]!;
  }
  return y;
}

describe('rmsnorm', () => {
  it('equals plain loops, with the same bits on every path', () => {
    fc.assert(
      fc.property(shapes, ({ seed, width, n }) => {
        const x = draw(seed, n * width, 5);
        const weight = draw(seed + 1, width);
        const y = onEveryPath(() => {
          const out = new Float32Array(n * width);
          kernels.rmsnorm(x, weight, 1e-6, out, n);
          return out;
        });
        expect(relativeError(y, rmsnorm(x, weight, 1e-6))).toBeLessThan(1e-6);
      }),
      { seed: 4, numRuns: 60 },
    );
  });

  it('addRmsnorm adds before it norms, also in place, and a row has the same bits with any other rows and threads', () => {
    const width = 130;
    const n = 60;
    const [h, o, weight] = [draw(1, n * width), draw(2, n * width), draw(3, width)];
    const sum = h.map((value, i) => value + o[i]!);
    const expected = new Float32Array(n * width);
    for (let row = 0; row < n; row++) {
      kernels.rmsnorm(sum.subarray(row * width), weight, 1e-5, expected.subarray(row * width), 1);
    }
    for (const threads of [1, 2, 3]) {
      kernels.setThreads(threads);
      const residual = onEveryPath(() => {
        const inPlace = h.slice();
        kernels.addRmsnorm(inPlace, o, weight, 1e-5, inPlace, new Float32Array(n * width), n);
        return inPlace;
      });
      expect(firstDifference(residual, sum)).toBeUndefined();
      const y = onEveryPath(() => {
        const out = new Float32Array(n * width);
        kernels.addRmsnorm(h, o, weight, 1e-5, new Float32Array(n * width), out, n);
        return out;
      });
      expect(firstDifference(y, expected)).toBeUndefined();
    }
  });
});

describe('combine', () => {
  it('gives the same bits as router/combine.ts, on every path, with any number of threads', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 3 }), fc.boolean(), ({ seed, width, n }, k, masked) => {
        const residual = draw(seed, n * width, 100);
        const answers = draw(seed + 1, n * k * width);
        const weights = draw(seed + 2, n * k, 0.3);
        const mask = masked ? Uint8Array.from({ length: n }, (_, row) => (seed >> (row % 8)) & 1) : undefined;
        const expected = residual.slice();
        combine(expected, answers, { k, weights }, width, mask);
        kernels.setThreads(1 + (seed % 3));
        const sum = onEveryPath(() => {
          const inPlace = residual.slice();
          kernels.combine(inPlace, answers, weights, k, width, n, mask);
          return inPlace;
        });
        expect(firstDifference(sum, expected)).toBeUndefined();
      }),
      { seed: 6, numRuns: 60 },
    );
  });

  it('gives the same bits for rows with different numbers of experts', () => {
    const host = createHostKernels(kernels);
    fc.assert(
      fc.property(shapes, fc.boolean(), ({ seed, width, n }, masked) => {
        const counts = Array.from({ length: n }, (_, row) => (seed >> (row % 11)) & 3);
        const starts = Uint32Array.from([0, ...counts.map((_, row) => total(counts.slice(0, row + 1)))]);
        const residual = draw(seed, n * width, 100);
        residual.fill(-0, 0, width);
        const answers = draw(seed + 1, total(counts) * width);
        const assignment = { k: Math.max(...counts), weights: draw(seed + 2, total(counts), 0.3), starts };
        const mask = masked ? Uint8Array.from({ length: n }, (_, row) => (seed >> (row % 8)) & 1) : undefined;
        const expected = residual.slice();
        combine(expected, answers, assignment, width, mask);
        const sum = onEveryPath(() => {
          const inPlace = residual.slice();
          host.combine(inPlace, answers, assignment, width, mask);
          return inPlace;
        });
        expect(firstDifference(sum, expected)).toBeUndefined();
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

describe('scaleRows', () => {
  it('multiplies each row by its factor in place, with the same bits on every path and with any threads', () => {
    fc.assert(
      fc.property(shapes, ({ seed, width, n }) => {
        const rows = draw(seed, n * width + 3);
        const factors = draw(seed + 1, n);
        const expected = rows.map((value, i) =>
          i < n * width ? value * factors[Math.floor(i / width)]! : value,
        );
        kernels.setThreads(1 + (seed % 4));
        const y = onEveryPath(() => {
          const inPlace = rows.slice();
          kernels.scaleRows(inPlace, factors, width, n);
          return inPlace;
        });
        expect(firstDifference(y, expected)).toBeUndefined();
      }),
      { seed: 14, numRuns: 40 },
    );
  });
});

describe('scores', () => {
  it('equal plain loops, with the same bits on every path, for one row and for many', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 100 }), ({ seed, width, n }, outputs) => {
        const x = draw(seed, n * width);
        const weights = draw(seed + 1, outputs * width);
        kernels.setThreads(1 + (seed % 3));
        const y = onEveryPath(() => {
          const out = new Float32Array(n * outputs);
          kernels.scores(x, weights, outputs, width, out, n);
          return out;
        });
        const expected = Float64Array.from({ length: n * outputs }, (_, i) => {
          let sum = 0;
          const from = Math.floor(i / outputs) * width;
          for (let c = 0; c < width; c++) sum += x[from + c]! * weights[(i % outputs) * width + c]!;
          return sum;
        });
        expect(relativeError(y, expected)).toBeLessThan(1e-6);
        const last = new Float32Array(outputs);
        kernels.scores(x.subarray((n - 1) * width), weights, outputs, width, last, 1);
        expect(firstDifference(last, y.subarray((n - 1) * outputs))).toBeUndefined();
      }),
      { seed: 5, numRuns: 60 },
    );
  });
});
