import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { ExpertForm } from '../../kernels/kernels.ts';
import { relativeError } from '../support/error.ts';
import {
  draw,
  firstDifference,
  kernels,
  matrix,
  multiply,
  onEveryPath,
  type TestMatrix,
  type TiledBits,
  tiledBits,
} from './support.ts';

afterEach(() => kernels.setThreads(1));

interface TestExpert {
  gate: TestMatrix;
  up: TestMatrix;
  down: TestMatrix;
  form?: ExpertForm | undefined;
}

function expert(seed: number, hidden: number, inner: number, bits: TiledBits): TestExpert {
  return {
    gate: matrix(3 * seed, inner, hidden, bits),
    up: matrix(3 * seed + 1, inner, hidden, bits),
    down: matrix(3 * seed + 2, hidden, inner, bits),
  };
}

const handle = ({ gate, up, down, form }: TestExpert) =>
  kernels.expert(gate.handle, up.handle, down.handle, form);

/** Every part of the form is there or not, by a bit of `parts`. */
function formOf(seed: number, hidden: number, inner: number, parts: number): ExpertForm {
  return {
    gateBias: parts & 1 ? draw(seed, inner) : undefined,
    upBias: parts & 2 ? draw(seed + 1, inner) : undefined,
    downBias: parts & 4 ? draw(seed + 2, hidden) : undefined,
    clamp: parts & 8 ? { alpha: 1.702, limit: 0.5 + (seed % 3) } : undefined,
  };
}

function activation(g: number, u: number, clamp: ExpertForm['clamp']): number {
  if (clamp === undefined) return (g / (1 + Math.exp(-g))) * u;
  const gated = Math.min(g, clamp.limit);
  const raised = Math.max(-clamp.limit, Math.min(u, clamp.limit));
  return (gated / (1 + Math.exp(-clamp.alpha * gated))) * (raised + 1);
}

/** The expert's answer in float64, activations rounded to int8 where a product reads them. */
function swiglu({ gate, up, down, form = {} }: TestExpert, x: Float32Array, n: number): Float64Array {
  const biased = (m: TestMatrix, rows: Float32Array, bias: Float32Array | undefined) =>
    multiply(m, rows, n).map((value, i) => value + (bias?.[i % m.rows] ?? 0));
  const raised = biased(up, x, form.upBias);
  const inner = biased(gate, x, form.gateBias).map((g, i) => activation(g, raised[i]!, form.clamp));
  return biased(down, Float32Array.from(inner), form.downBias);
}

function run(experts: readonly TestExpert[], counts: readonly number[], x: Float32Array): Float32Array {
  const y = new Float32Array(x.length);
  kernels.experts(x, experts.map(handle), Int32Array.from(counts), y);
  return y;
}

describe('experts', () => {
  it('equal plain loops, with the same bits on every path', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer({ min: 0, max: 1e6 }),
          hidden: fc.integer({ min: 1, max: 100 }),
          inner: fc.integer({ min: 1, max: 80 }),
          bits: fc.constantFrom(...tiledBits),
          counts: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
          parts: fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 5, maxLength: 5 }),
        }),
        ({ seed, hidden, inner, bits, counts, parts }) => {
          const experts = counts.map((_, i) => ({
            ...expert(seed + i, hidden, inner, bits),
            form: i < 2 ? formOf(seed + i, hidden, inner, parts[i]!) : undefined,
          }));
          const rows = counts.reduce((a, b) => a + b);
          const x = draw(seed, rows * hidden, 1 / Math.sqrt(hidden));
          const y = onEveryPath(() => run(experts, counts, x));
          let first = 0;
          for (const [i, count] of counts.entries()) {
            const from = first * hidden;
            const to = (first + count) * hidden;
            const expected = swiglu(experts[i]!, x.subarray(from, to), count);
            // If an inner value rounds to another int8, an output changes by up to 1/127 of one product.
            expect(relativeError(y.subarray(from, to), expected)).toBeLessThan(5e-3);
            first += count;
          }
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  it('give a row the same bits alone, in any group, among any groups and with any number of threads', () => {
    const hidden = 96;
    const inner = 200;
    const experts = Array.from({ length: 6 }, (_, i) => ({
      ...expert(i, hidden, inner, i % 2 ? 4 : 8),
      form: i < 3 ? formOf(i, hidden, inner, [15, 6, 9][i]!) : undefined,
    }));
    const counts = [1, 40, 2, 17, 16, 3];
    const rows = counts.reduce((a, b) => a + b);
    const x = draw(9, rows * hidden);
    const alone = new Float32Array(rows * hidden);
    let row = 0;
    for (const [i, count] of counts.entries()) {
      for (let end = row + count; row < end; row++) {
        alone.set(run([experts[i]!], [1], x.slice(row * hidden, (row + 1) * hidden)), row * hidden);
      }
    }
    for (const threads of [1, 2, 4]) {
      kernels.setThreads(threads);
      expect(firstDifference(run(experts, counts, x), alone)).toBeUndefined();
    }
  });

  it('read and write the rows that `places` names', () => {
    const [hidden, inner] = [70, 40];
    const list = [expert(1, hidden, inner, 4), expert(2, hidden, inner, 8)];
    const counts = [19, 3];
    const x = draw(5, 9 * hidden);
    const from = Array.from({ length: 22 }, (_, i) => (5 * i) % 9);
    const to = Array.from({ length: 22 }, (_, i) => (7 * i + 3) % 22);
    const places = Int32Array.from(from.flatMap((row, i) => [row, to[i]!]));
    const inOrder = run(
      list,
      counts,
      Float32Array.from(from.flatMap((row) => [...x.subarray(row * hidden, (row + 1) * hidden)])),
    );
    for (const threads of [1, 3]) {
      kernels.setThreads(threads);
      const y = onEveryPath(() => {
        const out = new Float32Array(22 * hidden);
        kernels.experts(x, list.map(handle), Int32Array.from(counts), out, places);
        return out;
      });
      for (const [i, row] of to.entries()) {
        const answer = y.subarray(row * hidden, (row + 1) * hidden);
        expect(firstDifference(answer, inOrder.subarray(i * hidden, (i + 1) * hidden))).toBeUndefined();
      }
    }
  });

  it('compute silu within rounding errors over the whole range of floats', () => {
    // One input, and weights of about 1: y = silu(x) * x, rounded once more by the down product.
    const one = (rows: number, cols: number): TestMatrix => {
      const m = matrix(1, rows, cols, 8);
      // Bytes of 255 are weights of 127. The scale 0x2008 is 0.00787…, about 1/127.
      m.bytes.fill(255);
      for (let at = 512; at < m.bytes.length; at += 544) {
        for (let i = 0; i < 16; i++) m.bytes.set([0x08, 0x20], at + 2 * i);
      }
      return { ...m, handle: kernels.matrixOf(m.bytes, rows, cols, 8) };
    };
    const gain = 127 * 2 ** -7 * (1 + 8 / 1024);
    const unit = { gate: one(1, 1), up: one(1, 1), down: one(1, 1) };
    for (let x = -90; x <= 90; x += 0.37) {
      const y = onEveryPath(() => run([unit], [1], Float32Array.of(x)));
      const g = Math.fround(x) * gain;
      const expected = (g / (1 + Math.exp(-g))) * g * gain;
      // A relative error of g changes e^-g by g times that error. The kernel limits e^-g to e^88, so tiny results differ.
      expect(Math.abs(y[0]! - expected)).toBeLessThan(
        (2e-6 + 1.2e-7 * Math.abs(g)) * Math.abs(expected) + 1e-30,
      );
    }
  });

  it('add each bias with one rounding, and keep a copy of it', () => {
    const [hidden, inner] = [50, 33];
    const matrices = expert(7, hidden, inner, 4);
    const x = draw(8, 18 * hidden);
    const usual = run([matrices], [18], x);
    const downBias = draw(9, hidden);
    const given = downBias.slice();
    const unit = handle({ ...matrices, form: { downBias: given } });
    given.fill(Number.NaN);
    structuredClone(given.buffer, { transfer: [given.buffer] });
    const y = onEveryPath(() => {
      const out = new Float32Array(x.length);
      kernels.experts(x, [unit], Int32Array.of(18), out);
      return out;
    });
    const expected = usual.map((value, i) => value + downBias[i % hidden]!);
    expect(firstDifference(y, expected)).toBeUndefined();
  });

  it('give the same bits for an empty form, biases of zero and arrays that are too long', () => {
    const [hidden, inner] = [40, 20];
    const matrices = expert(10, hidden, inner, 8);
    const x = draw(11, 3 * hidden);
    const usual = run([matrices], [3], x);
    const zeros = (length: number) => new Float32Array(length);
    const long = draw(12, 100).fill(0, 0, 40);
    for (const form of [
      {},
      { clamp: undefined, gateBias: undefined },
      { gateBias: zeros(20), upBias: zeros(20), downBias: zeros(40) },
      { gateBias: long, downBias: long },
    ]) {
      expect(firstDifference(run([{ ...matrices, form }], [3], x), usual)).toBeUndefined();
    }
  });

  it('clamp the halves of an activation at the limit, and pass NaN on', () => {
    const [hidden, inner] = [32, 16];
    const zero = { ...matrix(1, inner, hidden, 8), weights: new Float32Array(inner * hidden) };
    // Weights of 0 (the byte 128), so that the inner values are the activation of the biases.
    zero.bytes.fill(128, 0, 512);
    zero.handle = kernels.matrixOf(zero.bytes, inner, hidden, 8);
    const down = matrix(2, hidden, inner, 8);
    const clamp = { alpha: 1.702, limit: 7 };
    // The kernel limits e^(-alpha g) to e^88, so below g = -52 the result is tiny, and not the same.
    const pairs = [-200, -7.5, -7, -1, 0, 1e-20, 1, 6.9, 7, 7.5, 1e30].flatMap((g) =>
      [-100, -7, -1, 0, 3, 7, 1e30].map((u) => [g, u] as const),
    );
    for (const [g, u] of pairs) {
      const form = {
        gateBias: zero.weights.slice(0, inner).fill(g),
        upBias: new Float32Array(inner).fill(u),
        clamp,
      };
      const unit = { gate: zero, up: zero, down, form };
      const y = onEveryPath(() => run([unit], [1], new Float32Array(hidden)));
      const expected = swiglu(unit, new Float32Array(hidden), 1);
      for (const [i, value] of y.entries()) {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(
          4e-6 * Math.max(...expected.map(Math.abs)) + 1e-30,
        );
      }
    }
    const form = { gateBias: new Float32Array(inner).fill(Number.NaN), clamp };
    const y = onEveryPath(() => run([{ gate: zero, up: zero, down, form }], [1], new Float32Array(hidden)));
    expect(y.every(Number.isNaN)).toBe(true);
  });
});
