// 16-bit floats, compared with the format's definition for every bit pattern.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstNonFinite } from '../../base/finite.ts';
import {
  halfToNumber,
  narrowBrain,
  narrowHalf,
  numberToHalf,
  widenBrain,
  widenHalf,
} from '../../model/floats.ts';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../support/models/safetensors-writer.ts';

const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);

describe('float16', () => {
  it('widens every finite pattern to the number it stands for', () => {
    const wide = new Float32Array(65_536);
    widenHalf(all, wide);
    for (const half of all) {
      if ((half & 0x7c00) === 0x7c00) continue;
      if (!Object.is(wide[half], fromFloat16(half))) throw new Error(`pattern ${half} became ${wide[half]}`);
      if (!Object.is(halfToNumber(half), wide[half])) throw new Error(`pattern ${half} differs alone`);
    }
    expect(wide[0x7c00]).toBe(Number.POSITIVE_INFINITY);
    expect(wide[0xfc00]).toBe(Number.NEGATIVE_INFINITY);
    expect(wide[0x7e00]).toBeNaN();
  });

  it('narrows every widened pattern back to itself, NaN payloads too', () => {
    const wide = new Float32Array(65_536);
    const back = new Uint16Array(65_536);
    widenHalf(all, wide);
    narrowHalf(wide, back);
    expect(back).toEqual(all);
  });

  it('rounds to nearest, ties to even, into subnormals', () => {
    const magnitude = fc.double({ min: -65_519, max: 65_519, noNaN: true });
    const tiny = fc.double({ min: -(2 ** -13), max: 2 ** -13, noNaN: true });
    fc.assert(
      fc.property(fc.oneof(magnitude, tiny), (value) => {
        expect(numberToHalf(value)).toBe(toFloat16(Math.fround(value)));
      }),
      { seed: 11, numRuns: 2000 },
    );
  });

  it('rounds a tie to the even number, and a value that is too large to infinity', () => {
    for (const half of [0, 1, 2, 3, 1023, 1024, 1025, 20_000, 31_742]) {
      const middle = (halfToNumber(half) + halfToNumber(half + 1)) / 2;
      expect(numberToHalf(middle)).toBe(half % 2 === 0 ? half : half + 1);
    }
    expect(numberToHalf(65_519)).toBe(0x7bff);
    expect(numberToHalf(65_520)).toBe(0x7c00);
    expect(numberToHalf(-1e30)).toBe(0xfc00);
  });
});

describe('bfloat16', () => {
  it('widens and narrows every pattern back to itself', () => {
    const wide = new Float32Array(65_536);
    const back = new Uint16Array(65_536);
    widenBrain(all, wide);
    for (const word of all) {
      const same = Number.isNaN(wide[word]) || Object.is(wide[word], fromBfloat16(word));
      if (!same) throw new Error(`pattern ${word} became ${wide[word]}`);
    }
    narrowBrain(wide, back);
    expect(back).toEqual(all);
  });

  it('rounds to nearest, ties to even', () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 126), max: 2 ** 126 }),
        (value) => {
          const out = new Uint16Array(1);
          narrowBrain(Float32Array.of(value), out);
          expect(out[0]).toBe(toBfloat16(value));
        },
      ),
      { seed: 12, numRuns: 1000 },
    );
  });

  it('keeps a NaN if its payload is only in the dropped half', () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001).buffer);
    const out = new Uint16Array(1);
    narrowBrain(nan, out);
    expect(out[0]! & 0x7f).toBeGreaterThan(0);
  });
});

it('finds the first value that is not finite', () => {
  expect(firstNonFinite(Float32Array.of(1, -3e38, 0))).toBeUndefined();
  expect(firstNonFinite(Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY))).toBe(1);
  expect(firstNonFinite(Float32Array.of(Number.NEGATIVE_INFINITY))).toBe(0);
});
