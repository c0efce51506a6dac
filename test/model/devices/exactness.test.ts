import { describe, expect, it } from 'vitest';
import { attention } from '../../../model/onnx/graphs.ts';
import { expert } from '../../../model/onnx/mlp.ts';
import { product } from '../../../model/onnx/product.ts';
import type { Graph } from '../../../model/onnx/proto.ts';
import { openSession } from '../../../model/onnx/runtime.ts';
import { withZeroRows } from '../../../model/onnx/single-rows.ts';
import type { Encoding, Matrix } from '../../../model/tensor.ts';
import { dequantize, isTiled, quantize } from '../../../model/tiles.ts';
import { floats } from '../../support/floats.ts';

function matrix(seed: number, rows: number, cols: number, encoding: Encoding): Matrix {
  const values = floats(seed, rows * cols, 1 / Math.sqrt(cols));
  if (isTiled(encoding)) return quantize(values, rows, cols, encoding);
  return { encoding: 'f32', rows, cols, data: new Uint8Array(values.buffer) };
}

const encodings = ['f32', 'q8', 'q6', 'q4'] as const;
/** Numbers of rows in a batch. Each number is tried at several places in the buffer. */
const batches = [1, 2, 3, 5, 8, 15, 16, 17, 33, 64] as const;
const total = 100;

async function differing(
  width: number,
  outWidth: number,
  run: (rows: Float32Array, count: number) => Promise<Float32Array>,
): Promise<number> {
  const rows = floats(9, total * width, 1);
  const whole = await run(rows, total);
  let count = 0;
  for (const batch of batches) {
    for (const first of [0, 1, 36]) {
      const part = await run(rows.slice(first * width, (first + batch) * width), batch);
      for (const [i, value] of part.entries()) if (value !== whole[first * outWidth + i]) count++;
    }
  }
  return count;
}

describe('a row gives the same bits in every batch', () => {
  for (const encoding of encodings) {
    for (const [cols, rows, zeroRow] of [
      [192, 100],
      [100, 40],
      [36, 24],
      [36, 24, true],
    ] as const) {
      it(`product ${rows} x ${cols} at ${encoding}${zeroRow ? ' with a row of zeros' : ''}`, async () => {
        const { nodes, initializers } = product('x', 'y', [matrix(1, rows, cols, encoding)]);
        const graph: Graph = {
          name: 'product',
          inputs: [{ name: 'x', type: 'float', shape: ['n', cols] }],
          outputs: [{ name: 'y', type: 'float', shape: ['n', rows] }],
          initializers,
          nodes,
        };
        const session = await openSession(zeroRow ? withZeroRows(graph) : graph);
        const run = async (x: Float32Array, n: number) =>
          (await session.run({ x: { data: x, shape: [n, cols] } }, ['y']))[0]!;
        expect(await differing(cols, rows, run)).toBe(0);
        await session.release();
      });
    }

    it(`expert 64 → 2 x 40 → 64 at ${encoding}, which also equals plain loops`, async () => {
      const hidden = 64;
      const inner = 40;
      const weights = {
        gate: matrix(2, inner, hidden, encoding),
        up: matrix(3, inner, hidden, encoding),
        down: matrix(4, hidden, inner, encoding),
      };
      const session = await openSession(expert({ hidden } as Parameters<typeof expert>[0], weights));
      const run = async (x: Float32Array, n: number) =>
        (await session.run({ x: { data: x, shape: [n, hidden] } }, ['y']))[0]!;
      expect(await differing(hidden, hidden, run)).toBe(0);

      const x = floats(5, hidden, 1);
      const times = (m: Matrix, input: ArrayLike<number>) => {
        const w = dequantize(m);
        return Array.from({ length: m.rows }, (_, r) =>
          Array.from({ length: m.cols }, (_, c) => w[r * m.cols + c]! * input[c]!).reduce((a, b) => a + b, 0),
        );
      };
      const gate = times(weights.gate, x);
      const up = times(weights.up, x);
      const want = times(
        weights.down,
        gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!),
      );
      const got = await run(x, 1);
      const error = Math.max(...want.map((v, i) => Math.abs(v - got[i]!))) / Math.max(...want.map(Math.abs));
      expect(error).toBeLessThan(encoding === 'f32' ? 1e-5 : 3e-2);
      await session.release();
    });
  }

  it('in attention, in any chunks of several queries, and as a single query with a cache of any capacity', async () => {
    const config = { heads: 4, kvHeads: 2, headDim: 16 } as Parameters<typeof attention>[0];
    const session = await openSession(
      attention(config, { scale: 1 / Math.sqrt(16), masked: false, sinks: false }),
    );
    const positions = 50;
    const width = 64;
    const q = floats(6, positions * width, 1);
    const cache = (capacity: number, seed: number) => {
      const filled = floats(seed, 2 * positions * 16, 1);
      const out = new Float32Array(2 * capacity * 16);
      for (const head of [0, 1])
        out.set(filled.subarray(head * positions * 16, (head + 1) * positions * 16), head * capacity * 16);
      return out;
    };
    const attend = async (start: number, count: number, capacity: number) => {
      const shape = [1, 2, capacity, 16];
      const feeds = {
        q: { data: q.subarray(start * width, (start + count) * width), shape: [1, count, width] },
        keys: { data: cache(capacity, 7), shape },
        values: { data: cache(capacity, 8), shape },
        last: { data: Int32Array.of(start + count - 1), shape: [1] },
        positions: { data: Int32Array.of(start + count), shape: [] },
      };
      return (await session.run(feeds, ['out']))[0]!;
    };
    const whole = await attend(0, positions, 64);
    for (const [start, count] of [
      [0, 7],
      [7, 2],
      [9, 21],
      [30, 20],
    ] as const) {
      for (const capacity of [64, 256]) {
        expect(await attend(start, count, capacity)).toEqual(
          whole.slice(start * width, (start + count) * width),
        );
      }
    }
    for (const position of [0, 1, 20, 49]) {
      expect(await attend(position, 1, 64)).toEqual(await attend(position, 1, 512));
    }
    await session.release();
  });
});
