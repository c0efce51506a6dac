// The distances between numerics classes, and the faults that a golden row detects.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bundle, openBundle } from '../../../model/bundle/bundle.ts';
import { goldenDigest } from '../../../model/bundle/golden.ts';
import { agrees, relativeDistance } from '../../../model/bundle/golden-agreement.ts';
import { type GoldenAnswer, openGoldens } from '../../../model/bundle/goldens.ts';
import { openExpertDevice } from '../../../model/devices/open.ts';
import { recordGoldens } from '../../../model/goldens.ts';
import type { Matrix } from '../../../model/tensor.ts';
import { dequantize } from '../../../model/tiles.ts';
import { nanoAt } from '../../support/models/nano.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { normal } from '../../support/random.ts';

function product({ rows, cols, ...matrix }: Matrix, x: ArrayLike<number>): Float64Array {
  const values = dequantize({ rows, cols, ...matrix });
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let col = 0; col < cols; col++) sum += values[row * cols + col]! * x[col]!;
    return sum;
  });
}

/** Computes without rounding activations, like a GPU. */
async function exactAnswer(bundle: Bundle, unit: { layer: number; expert: number }, x: Float32Array) {
  const { gate, up, down } = await bundle.readExpert(unit);
  const ups = product(up, x);
  const inner = product(gate, x).map((value, i) => (value / (1 + Math.exp(-value))) * ups[i]!);
  return Float32Array.from(product(down, inner));
}

describe('across numerics classes', () => {
  it.each([
    [4, 'random', 0.025],
    [6, 'random', 0.025],
    [8, 'random', 0.025],
    [4, 'nano', 0.025],
    [8, 'nano', 0.025],
    [16, 'nano', 0.0045],
  ] as const)(
    '%i bits, %s experts: answers of ONNX Runtime, and answers from unrounded activations, agree with the golden ones',
    async (bits, which, worst) => {
      const shape = { layers: 2, hidden: 256, inner: 128, experts: 12, bits };
      const dir = which === 'nano' ? await nanoAt(bits) : await tinyBundle(shape);
      if (which === 'random' || bits !== 8) await recordGoldens(dir);
      const bundle = await openBundle(dir);
      const goldens = (await openGoldens(bundle))!;
      const ort = await openExpertDevice({ bundle, device: 'ort-cpu' });
      const far = { ort: 0, exact: 0 };
      for (let layer = 0; layer < 2; layer++) {
        for (let expert = 0; expert < Math.min(24, bundle.config.experts); expert++) {
          await ort.load([{ layer, expert }]);
          const golden = await goldens.answer(layer, expert);
          const row = goldens.input(layer);
          const byOrt = await ort.run(layer, row, Uint16Array.of(0, expert));
          const exact = await exactAnswer(bundle, { layer, expert }, row);
          for (const answer of [byOrt, exact]) {
            expect(agrees(answer, golden, { sameClass: false, bits })).toBeUndefined();
          }
          far.ort = Math.max(far.ort, relativeDistance(byOrt, golden.row));
          far.exact = Math.max(far.exact, relativeDistance(exact, golden.row));
        }
      }
      console.log(
        `${bits} bits, ${which}: ort ${far.ort.toExponential(1)}, exact ${far.exact.toExponential(1)}`,
      );
      expect(far.ort).toBeLessThan(Math.min(worst, 0.01)); // rounding an int8 tie the other way moves an answer by 5e-3
      expect(far.exact).toBeLessThan(worst);
      await ort.dispose();
      await bundle.close();
    },
  );
});

function golden(row: Float32Array): GoldenAnswer {
  return { row, digest: goldenDigest(row) };
}

function draw(seed: number, length = 64): Float32Array {
  const next = normal(seed);
  return Float32Array.from({ length }, next);
}

describe('an answer', () => {
  it('of the same class agrees only bit for bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 0, max: 22 }), (at, bit) => {
        const row = draw(7);
        const answer = row.slice();
        expect(agrees(answer, golden(row), { sameClass: true, bits: 4 })).toBeUndefined();
        new Uint32Array(answer.buffer)[at]! ^= 1 << bit;
        expect(agrees(answer, golden(row), { sameClass: true, bits: 4 })).toContain('its bits are not');
      }),
      { seed: 1 },
    );
  });

  it('with a number that is not finite agrees in no class, and the reason names the number', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const sameClass of [true, false]) {
        const answer = draw(7);
        answer[9] = bad;
        const why = agrees(answer, golden(answer), { sameClass, bits: 4 });
        expect(why).toBe('number 9 of it is not finite');
      }
    }
  });

  it.each([
    [4, 0.03, 0.05],
    [6, 0.03, 0.05],
    [8, 0.03, 0.05],
    [16, 0.004, 0.006],
    [32, 0.004, 0.006],
  ] as const)('of another class at %i bits may be off by the share %d, not %d', (bits, within, beyond) => {
    const row = draw(7);
    const scaled = (by: number) => row.map((value) => value * (1 + by));
    expect(agrees(scaled(within), golden(row), { sameClass: false, bits })).toBeUndefined();
    expect(agrees(scaled(beyond), golden(row), { sameClass: false, bits })).toContain(
      "of that answer's length",
    );
  });

  it('of another class agrees with an answer of zeros only if it is zeros as well', () => {
    const zeros = golden(new Float32Array(8));
    expect(agrees(new Float32Array(8), zeros, { sameClass: false, bits: 4 })).toBeUndefined();
    expect(agrees(Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0), zeros, { sameClass: false, bits: 4 })).toContain(
      'distance',
    );
  });

  it('of another length does not agree', () => {
    expect(agrees(draw(7, 63), golden(draw(7)), { sameClass: false, bits: 4 })).toContain('63 numbers');
  });
});
