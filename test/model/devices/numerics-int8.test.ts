// The reference's rounding of activations is the one that ONNX Runtime's MatMulNBits does at accuracy level 4.
import { describe, expect, test } from 'vitest';
import { product } from '../../../model/onnx/product.ts';
import { openSession } from '../../../model/onnx/runtime.ts';
import { dequantize, quantize, type TileEncoding } from '../../../model/tiles.ts';
import { roundToInt8, tieDistance } from '../../reference/int8.ts';
import { relativeError } from '../../support/error.ts';
import { normal } from '../../support/random.ts';

const outputs = 24;

interface Products {
  device: Float32Array;
  /** Products of int8-rounded rows and dequantised weights, in float64. */
  rounded: number[];
  /** Products of the unrounded rows. */
  plain: number[];
}

async function multiply(encoding: TileEncoding, cols: number, rows: Float32Array): Promise<Products> {
  const next = normal(cols);
  const matrix = quantize(Float32Array.from({ length: outputs * cols }, next), outputs, cols, encoding);
  const weights = dequantize(matrix);
  const session = await openSession({
    name: 'product',
    inputs: [{ name: 'x', type: 'float', shape: ['n', cols] }],
    outputs: [{ name: 'y', type: 'float', shape: ['n', outputs] }],
    ...product('x', 'y', [matrix]),
  });
  const count = rows.length / cols;
  const [device] = await session.run({ x: { data: rows, shape: [count, cols] } }, ['y']);
  await session.release();
  const rounded: number[] = [];
  const plain: number[] = [];
  for (let row = 0; row < count; row++) {
    const x = Float64Array.from(rows.subarray(row * cols, (row + 1) * cols));
    const { values } = roundToInt8(x);
    for (let output = 0; output < outputs; output++) {
      const w = weights.subarray(output * cols, (output + 1) * cols);
      rounded.push(w.reduce((sum, weight, i) => sum + weight * (values[i] as number), 0));
      plain.push(w.reduce((sum, weight, i) => sum + weight * (x[i] as number), 0));
    }
  }
  return { device: device as Float32Array, rounded, plain };
}

describe.each(['q4', 'q6', 'q8'] as const)('%s', (encoding) => {
  test.each([32, 48, 100, 1000])('%i inputs: the device multiplies the rounded rows', async (cols) => {
    const next = normal(7);
    const rows = Float32Array.from({ length: 5 * cols }, () => 3 * next());
    const { device, rounded, plain } = await multiply(encoding, cols, rows);
    expect(relativeError(device, rounded)).toBeLessThan(3e-6);
    expect(relativeError(device, plain)).toBeGreaterThan(1e-4);
  });

  test('a value in the middle of two steps is rounded to the even one', async () => {
    // The largest magnitude is 127, so a step is 1 and every .5 is an exact tie.
    const rows = Float32Array.from({ length: 64 }, (_, i) => {
      return i % 32 === 0 ? -127 : ((i % 16) + 0.5) * (i % 3 === 0 ? -1 : 1);
    });
    const { nearTies } = roundToInt8(Float64Array.from(rows));
    expect(nearTies).toHaveLength(62);
    const { device, rounded } = await multiply(encoding, 64, rows);
    expect(relativeError(device, rounded)).toBeLessThan(3e-6);
  });
});

test('a tie in `flipped` is rounded the other way, by one step', () => {
  const row = Float64Array.of(127, 3.5 + tieDistance / 2, 8);
  expect([...roundToInt8(row).values]).toEqual([127, 4, 8]);
  expect([...roundToInt8(row, new Set([1])).values]).toEqual([127, 3, 8]);
  expect(roundToInt8(row).nearTies.map(({ index }) => index)).toEqual([1]);
});
