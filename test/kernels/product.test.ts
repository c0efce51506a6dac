import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { PREFETCH_HINTS } from '../../kernels/kernels.ts';
import { halfToNumber } from '../../model/floats.ts';
import { relativeError } from '../support/error.ts';
import {
  draw,
  firstDifference,
  kernels,
  matrix,
  multiply,
  onEveryPath,
  type TestMatrix,
  tiledBits,
} from './support.ts';

afterEach(() => kernels.setThreads(1));

const product = (m: Pick<TestMatrix, 'handle' | 'rows'>, x: Float32Array, n: number) => {
  const y = new Float32Array(n * m.rows);
  kernels.product(x, n, [m.handle], [y]);
  return y;
};

const shapes = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  rows: fc.integer({ min: 1, max: 70 }),
  cols: fc.integer({ min: 1, max: 200 }),
  n: fc.integer({ min: 1, max: 70 }),
  bits: fc.constantFrom(...tiledBits),
});

describe('product', () => {
  it('multiplies rows that are rounded to int8 like the reference, with the same bits on every path', () => {
    fc.assert(
      fc.property(shapes, ({ seed, rows, cols, n, bits }) => {
        const m = matrix(seed, rows, cols, bits);
        const x = draw(seed + 1, n * cols, 3);
        const y = onEveryPath(() => product(m, x, n));
        expect(relativeError(y, multiply(m, x, n))).toBeLessThan(3e-6);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it.each(tiledBits)('rounds exact ties to even (%i bits)', (bits) => {
    // The largest magnitude is 127, so a step is 1 and every .5 is a tie.
    const x = Float32Array.from({ length: 64 }, (_, i) =>
      i % 32 === 0 ? -127 : ((i % 16) + 0.5) * (i % 3 === 0 ? -1 : 1),
    );
    const m = matrix(3, 20, 64, bits);
    const y = onEveryPath(() => product(m, x, 1));
    expect(relativeError(y, multiply(m, x, 1))).toBeLessThan(3e-6);
  });

  it.each(tiledBits)(
    'adds without overflow if every weight and every activation is extreme (%i bits)',
    (bits) => {
      // Two tiles: bytes of 0 are the least weights, and bytes of 255 the largest ones. All scales are 1.
      const tileBytes = 64 * bits + 32;
      const bytes = new Uint8Array(2 * tileBytes).fill(255, tileBytes);
      for (const tile of [0, 1]) {
        const scales = tile * tileBytes + 64 * bits;
        for (let row = 0; row < 16; row++) bytes.set([0, 0x3c], scales + 2 * row);
      }
      const m = { handle: kernels.matrixOf(bytes, 16, 64, bits), rows: 16 };
      const [least, most] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
      const rows = [
        [127, 127],
        [-127, -127],
        [127, -127],
        [-127, 127],
        [127, 0],
      ] as const;
      const x = Float32Array.from(rows.flatMap((pair) => pair.flatMap((value) => new Array(32).fill(value))));
      const expected = rows.flatMap(([a, b]) => new Array(16).fill(32 * (a * least + b * most)));
      expect([...onEveryPath(() => product(m, x, rows.length))]).toEqual(expected);
    },
  );

  it.each(tiledBits)(
    'adds the products of the blocks in order, with one rounding for each block (%i bits)',
    (bits) => {
      // Only the first input of each block is not 0. The blocks' products differ so much in size that every addition rounds.
      const m = matrix(4, 16, 96, bits);
      const x = new Float32Array(96);
      x.set([127, ...new Array(31).fill(0), 127e-4, ...new Array(31).fill(0), 127e4]);
      const y = onEveryPath(() => product(m, x, 1));
      for (let row = 0; row < 16; row++) {
        let sum = 0;
        for (const block of [0, 1, 2]) {
          const weight = m.weights[row * 96 + 32 * block]!;
          const stored = Math.fround(x[32 * block]! / 127);
          // 127 q * (scale * scaleW) is exact in float64, so rounding once to float32 is a fused multiply-add.
          const groupScale = scaleOf(m, row, block);
          sum = Math.fround(127 * Math.round(weight / groupScale) * Math.fround(stored * groupScale) + sum);
        }
        expect(y[row]).toBe(sum);
      }
    },
  );

  it('gives a row the same bits alone, in any batch, with other matrices and with any number of threads', () => {
    for (const bits of tiledBits) {
      const cols = 300;
      const a = matrix(5, 100, cols, bits);
      const b = matrix(6, 37, cols, bits === 6 ? 4 : 6);
      const total = 300;
      const x = draw(7, total * cols);
      const alone = [a, b].map((m) => {
        const y = new Float32Array(total * m.rows);
        for (let i = 0; i < total; i++) {
          kernels.product(x.subarray(i * cols), 1, [m.handle], [y.subarray(i * m.rows)]);
        }
        return y;
      });
      for (const threads of [1, 2, 3, 5]) {
        kernels.setThreads(threads);
        for (const n of [2, 3, 15, 16, 17, 33, 64, 257, total]) {
          const y = [new Float32Array(n * a.rows), new Float32Array(n * b.rows)] as const;
          kernels.product(x, n, [a.handle, b.handle], y);
          for (const i of [0, 1])
            expect(firstDifference(y[i]!, alone[i]!.subarray(0, y[i]!.length))).toBeUndefined();
        }
      }
    }
  });

  it('gives the same bits with every prefetch hint and distance', () => {
    const m = matrix(13, 40, 300, 4);
    const x = draw(14, 9 * 300);
    const expected = product(m, x, 9);
    try {
      for (const hint of PREFETCH_HINTS) {
        for (const aheadBytes of [0, 288, 65_536]) {
          kernels.setPrefetch(hint, aheadBytes);
          expect(kernels.prefetch()).toEqual({ hint, aheadBytes });
          expect(
            firstDifference(
              onEveryPath(() => product(m, x, 9)),
              expected,
            ),
          ).toBeUndefined();
        }
      }
    } finally {
      kernels.setPrefetch('none', 0);
    }
  });

  it('gives the same bits after the matrix is evicted from the caches', () => {
    const m = matrix(15, 40, 300, 8);
    const x = draw(16, 300);
    const expected = product(m, x, 1);
    expect(kernels.evict(m.handle)).toBe(process.arch === 'x64');
    expect(firstDifference(product(m, x, 1), expected)).toBeUndefined();
  });

  it('adds a bias to every row of the outputs that have one, with one rounding', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 7 }), ({ seed, rows, cols, n, bits }, given) => {
        const list = [rows, 17, rows + 5].map((count, i) => matrix(seed + i, count, cols, bits));
        const biases = list.map((m, i) => (given & (1 << i) ? draw(seed + 5 + i, m.rows) : undefined));
        const x = draw(seed + 9, n * cols);
        kernels.setThreads(1 + (seed % 4));
        const run = (added: readonly (Float32Array | undefined)[] | undefined) =>
          onEveryPath(() => {
            const y = list.map((m) => new Float32Array(n * m.rows));
            kernels.product(
              x,
              n,
              list.map(({ handle }) => handle),
              y,
              added,
            );
            return Float32Array.from(y.flatMap((values) => [...values]));
          });
        const bare = run(undefined);
        let at = 0;
        const expected = bare.slice();
        for (const [i, m] of list.entries()) {
          for (let k = 0; k < n * m.rows; k++, at++) {
            const bias = biases[i];
            if (bias !== undefined) expected[at] = bare[at]! + bias[k % m.rows]!;
          }
        }
        expect(firstDifference(run(biases), expected)).toBeUndefined();
      }),
      { seed: 13, numRuns: 25 },
    );
  });

  it('leaves the rest of a longer output unchanged', () => {
    const m = matrix(8, 17, 40, 4);
    const y = new Float32Array(3 * 17).fill(7);
    kernels.product(draw(9, 3 * 40), 2, [m.handle], [y]);
    expect([...y.subarray(34)]).toEqual(new Array(17).fill(7));
  });

  it('gives zeros for a row of zeros and NaN for a row with NaN or infinity, and leaves other rows unaffected', () => {
    const m = matrix(10, 33, 70, 4);
    const x = draw(11, 4 * 70);
    x.fill(0, 0, 70);
    x[70 + 3] = Number.NaN;
    x[140 + 69] = Number.NEGATIVE_INFINITY;
    const y = onEveryPath(() => product(m, x, 4));
    expect(y.subarray(0, 33).every((value) => value === 0)).toBe(true);
    expect(y.subarray(33, 99).every(Number.isNaN)).toBe(true);
    expect(relativeError(y.subarray(99), multiply(m, x.subarray(210), 1))).toBeLessThan(3e-6);
  });

  it('treats a block that is too small to be scaled as zeros', () => {
    const m = matrix(12, 16, 64, 4);
    const x = new Float32Array(64).fill(1e-38, 0, 32);
    x[40] = 1;
    const y = onEveryPath(() => product(m, x, 1));
    expect(relativeError(y, multiply(m, x.fill(0, 0, 32), 1))).toBeLessThan(3e-6);
  });
});

describe('readRows', () => {
  it('dequantises rows exactly as model/tiles.ts does', () => {
    fc.assert(
      fc.property(shapes, ({ seed, rows, cols, n, bits }) => {
        const m = matrix(seed, rows, cols, bits);
        const ids = Int32Array.from({ length: n }, (_, i) => (i * 7 + seed) % rows);
        const y = new Float32Array(n * cols);
        kernels.readRows(m.handle, ids, y);
        const expected = new Float32Array(n * cols);
        for (const [i, id] of ids.entries()) {
          expected.set(m.weights.subarray(id * cols, (id + 1) * cols), i * cols);
        }
        expect(firstDifference(y, expected)).toBeUndefined();
      }),
      { seed: 2, numRuns: 40 },
    );
  });
});

function scaleOf({ bytes, bits, cols }: TestMatrix, row: number, block: number): number {
  const tile = Math.floor(row / 16) * Math.ceil(cols / 32) + block;
  const at = tile * (64 * bits + 32) + 64 * bits + 2 * (row % 16);
  return halfToNumber(bytes[at]! | (bytes[at + 1]! << 8));
}
