// Tiles, compared with the byte layout in docs/bundle.md and with the error that rounding may make.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfToNumber } from '../../model/floats.ts';
import type { Matrix } from '../../model/tensor.ts';
import { dequantize, matrixBytes, quantize, quantizeInto, readRow, toBlocks } from '../../model/tiles.ts';
import { normal } from '../support/random.ts';

const encodings = ['q4', 'q6', 'q8'] as const;

function randomValues(seed: number, count: number, scale = 1): Float32Array {
  const next = normal(seed);
  return Float32Array.from({ length: count }, () => next() * scale);
}

/** One value of a tiled matrix, found the way the specification says. */
function valueAt({ encoding, cols, data }: Matrix, row: number, col: number): number {
  const tileBytes = { q4: 288, q6: 416, q8: 544 }[encoding as (typeof encodings)[number]];
  const tile = (Math.floor(row / 16) * Math.ceil(cols / 32) + Math.floor(col / 32)) * tileBytes;
  const [r, i] = [row % 16, col % 32];
  const scaleAt = tile + tileBytes - 32 + 2 * r;
  const scale = halfToNumber(data[scaleAt]! + 256 * data[scaleAt + 1]!);
  if (encoding === 'q8') return (data[tile + Math.floor(i / 4) * 64 + r * 4 + (i % 4)]! - 128) * scale;
  const byte = data[tile + Math.floor(i / 8) * 64 + r * 4 + (i % 4)]!;
  const low = i % 8 < 4 ? byte & 15 : byte >> 4;
  if (encoding === 'q4') return (low - 8) * scale;
  const high =
    (data[tile + 256 + Math.floor(i / 16) * 64 + r * 4 + (i % 4)]! >> (2 * (Math.floor(i / 4) % 4))) & 3;
  return (16 * high + low - 32) * scale;
}

const shapes = fc.record({
  rows: fc.integer({ min: 1, max: 40 }),
  cols: fc.integer({ min: 1, max: 80 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
  exponent: fc.integer({ min: -12, max: 12 }),
});

describe.each(encodings)('%s tiles', (encoding) => {
  it('have each value at the place that the specification gives', () => {
    fc.assert(
      fc.property(shapes, ({ rows, cols, seed, exponent }) => {
        const matrix = quantize(randomValues(seed, rows * cols, 2 ** exponent), rows, cols, encoding);
        expect(matrix.data.length).toBe(matrixBytes(encoding, rows, cols));
        const values = dequantize(matrix);
        for (let row = 0; row < rows; row++) {
          for (let col = 0; col < cols; col++) {
            const expected = Math.fround(valueAt(matrix, row, col));
            if (values[row * cols + col] !== expected) throw new Error(`row ${row} col ${col}`);
          }
        }
      }),
      { seed: 21, numRuns: 60 },
    );
  });

  it('differ from the values by at most half a step at 8 bits, 1.35 steps at 4 bits and 1.1 steps at 6 bits', () => {
    // The ranges of 4 and 6 bits end at +7 and +31 steps, and their scales are fitted: the far end may be off by a whole step and
    // a little.
    const most = { q4: 1.35 / 8, q6: 1.1 / 32, q8: 0.51 / 127 }[encoding];
    fc.assert(
      fc.property(shapes, ({ rows, cols, seed, exponent }) => {
        const values = randomValues(seed, rows * cols, 2 ** exponent);
        const rounded = dequantize(quantize(values, rows, cols, encoding));
        for (let row = 0; row < rows; row++) {
          for (let start = 0; start < cols; start += 32) {
            const slice = (from: Float32Array) =>
              from.subarray(row * cols + start, row * cols + Math.min(start + 32, cols));
            const largest = Math.max(...slice(values).map(Math.abs));
            const worst = Math.max(...slice(values).map((value, i) => Math.abs(value - slice(rounded)[i]!)));
            // Scales below 2^-14 are coarse themselves: 127 steps may add up to 127 * 2^-25.
            expect(worst).toBeLessThanOrEqual(largest * most + 2 ** -18);
          }
        }
      }),
      { seed: 22, numRuns: 60 },
    );
  });

  it('give the same row alone and within the whole matrix', () => {
    const matrix = quantize(randomValues(5, 37 * 70), 37, 70, encoding);
    const whole = dequantize(matrix);
    const out = new Float32Array(100).fill(9);
    readRow(matrix, 36, out, 20);
    expect(out.subarray(20, 90)).toEqual(whole.subarray(36 * 70, 37 * 70));
    expect([out[19], out[90]]).toEqual([9, 9]);
  });

  it('give the same bytes in slices of whole row blocks as at once', () => {
    const [rows, cols] = [50, 45];
    const values = randomValues(6, rows * cols);
    const whole = quantize(values, rows, cols, encoding).data;
    const parts = [0, 16, 32, 48].map((row) => {
      const count = Math.min(16, rows - row);
      return quantize(values.subarray(row * cols, (row + count) * cols), count, cols, encoding).data;
    });
    expect(Buffer.concat(parts).equals(whole)).toBe(true);
  });

  it('fill the edges with zero weights', () => {
    const { data } = quantize(randomValues(7, 3 * 5), 3, 5, encoding);
    const grid: Matrix = { encoding, rows: 16, cols: 32, data };
    for (let row = 0; row < 16; row++) {
      for (let col = 0; col < 32; col++)
        if (row >= 3 || col >= 5) expect(valueAt(grid, row, col)).toBeCloseTo(0, 12);
    }
  });

  it('refuse NaN, infinity and values that no scale can reach', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = new Float32Array(16 * 32).fill(1);
      values[100] = bad;
      expect(() => quantize(values, 16, 32, encoding)).toThrow(`holds ${bad}`);
    }
    expect(() => quantize(new Float32Array(32).fill(3e38), 1, 32, encoding)).toThrow(
      'too large for a float16',
    );
  });

  it('keep a group of zeros at zero, and tiny values finite', () => {
    expect(dequantize(quantize(new Float32Array(64), 2, 32, encoding)).every((value) => value === 0)).toBe(
      true,
    );
    const tiny = dequantize(quantize(new Float32Array(64).fill(1e-42), 2, 32, encoding));
    expect(tiny.every((value) => Math.abs(value) <= 1e-7)).toBe(true);
  });

  it('pack for MatMulNBits in input order, low nibble first, and 6 bits as 8', () => {
    const [rows, cols] = [19, 70];
    const matrix = quantize(randomValues(8, rows * cols), rows, cols, encoding);
    const { blocks, scales } = toBlocks(matrix);
    expect(scales.length).toBe(rows * 3);
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++) {
        const block = row * 3 + Math.floor(col / 32);
        const i = col % 32;
        const byte = encoding === 'q4' ? blocks[block * 16 + (i >> 1)]! : blocks[block * 32 + i]!;
        const weight = encoding !== 'q4' ? byte - 128 : (i % 2 === 0 ? byte & 15 : byte >> 4) - 8;
        expect(weight * scales[block]!).toBe(valueAt(matrix, row, col));
      }
    }
  });
});

describe.each([
  ['q4', 8],
  ['q6', 32],
] as const)('%s rounding', (encoding, most) => {
  it('is at least as close in every group as rounding by the scale that maps the farthest value to the least weight', () => {
    const values = randomValues(31, 64 * 320);
    const rounded = dequantize(quantize(values, 64, 320, encoding));
    let better = 0;
    for (let from = 0; from < values.length; from += 32) {
      const group = values.subarray(from, from + 32);
      const extreme = group.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
      const plain = group.map(
        (v) => Math.min(most - 1, Math.floor((v * -most) / extreme + 0.5)) * (extreme / -most),
      );
      const error = (other: Float32Array, at: number) =>
        group.reduce((sum, v, i) => sum + (v - other[at + i]!) ** 2, 0);
      const [ours, theirs] = [error(rounded, from), error(plain, 0)];
      expect(ours).toBeLessThanOrEqual(theirs * 1.001 + 1e-12);
      if (ours < theirs * 0.99) better++;
    }
    expect(better).toBeGreaterThan(values.length / 32 / 2);
  });

  it('uses the whole range on both signs', () => {
    const rising = Float32Array.from({ length: 32 }, (_, i) => i - 16);
    const falling = rising.map((value) => -value);
    for (const values of [rising, falling]) {
      const rounded = dequantize(quantize(values, 1, 32, encoding));
      expect(Math.max(...rounded) - Math.min(...rounded)).toBeGreaterThan(27);
    }
  });
});

it('each two bits more make the error of normally distributed values four times smaller', () => {
  const values = randomValues(33, 64 * 1536);
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  const errors = encodings.map((encoding) => {
    const rounded = dequantize(quantize(values, 64, 1536, encoding));
    return Math.sqrt(values.reduce((sum, value, i) => sum + (value - rounded[i]!) ** 2, 0) / squares);
  });
  console.log(
    `error of a weight at ${encodings.join(', ')}: ${errors.map((e) => e.toExponential(2)).join(', ')}`,
  );
  for (const i of [0, 1]) {
    expect(errors[i]! / errors[i + 1]!).toBeGreaterThan(3.8);
    expect(errors[i]! / errors[i + 1]!).toBeLessThan(4.2);
  }
});

it('readRow reads row-major floats of every width, even from odd addresses', () => {
  const buffer = new Uint8Array(1 + 3 * 4);
  const at = (bytes: readonly number[]) => {
    buffer.set(bytes, 1);
    return buffer.subarray(1, 1 + bytes.length);
  };
  const f32 = dequantize({ encoding: 'f32', rows: 1, cols: 2, data: at([0, 0, 128, 63, 0, 0, 0, 192]) });
  expect(f32).toEqual(Float32Array.of(1, -2));
  expect(dequantize({ encoding: 'f16', rows: 2, cols: 1, data: at([0, 0x3c, 0, 0xc0]) })).toEqual(
    Float32Array.of(1, -2),
  );
  expect(dequantize({ encoding: 'bf16', rows: 1, cols: 2, data: at([0x80, 0x3f, 0, 0xc0]) })).toEqual(
    Float32Array.of(1, -2),
  );
});

it('tiles refuse a matrix with a wrong number of bytes, a row that does not exist, and blocks of a float matrix', () => {
  const matrix = quantize(new Float32Array(64), 2, 32, 'q4');
  expect(() => dequantize({ ...matrix, data: matrix.data.subarray(1) })).toThrow('has 288 bytes, not 287');
  expect(() => readRow(matrix, 2, new Float32Array(32), 0)).toThrow('row 2');
  expect(() => toBlocks({ encoding: 'f32', rows: 1, cols: 1, data: new Uint8Array(4) })).toThrow(
    'do not lie in tiles',
  );
  const row = { encoding: 'q4', rows: 1, cols: 32, data: new Uint8Array(288) } as const;
  expect(() => quantizeInto(new Float32Array(31), row)).toThrow('31 values');
  const short = { ...row, data: new Uint8Array(280) };
  expect(() => quantizeInto(new Float32Array(32), short)).toThrow('wrong length');
});
