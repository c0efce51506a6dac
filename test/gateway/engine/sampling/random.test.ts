import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox, uniform } from '../../../../gateway/engine/sampling/random.ts';

describe('random numbers', () => {
  it('equal the published known answers of Philox4x32-10', () => {
    const hex = (words: readonly number[]) =>
      words.map((word) => word.toString(16).padStart(8, '0')).join(' ');
    const all = 0xffffffff;
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    expect(hex(philox([all, all, all, all], [all, all]))).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
    const counter = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const;
    expect(hex(philox(counter, [0xa4093822, 0x299f31d0]))).toBe('d16cfe09 94fdcceb 5001e420 24126ea1');
  });

  it('lie in [0, 1), are spread evenly, and differ by seed, choice and position', () => {
    const bins = new Array<number>(10).fill(0);
    for (let position = 0; position < 10_000; position++) bins[Math.floor(uniform(7, 0, position) * 10)]!++;
    for (const count of bins) expect(Math.abs(count - 1000)).toBeLessThan(150);
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(1000), fc.nat(100_000), (seed, choice, position) => {
        const value = uniform(seed, choice, position);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(1);
        expect(uniform(seed, choice, position)).toBe(value);
        expect(uniform(seed, choice, position + 1)).not.toBe(value);
        expect(uniform(seed, choice + 1, position)).not.toBe(value);
        expect(uniform(seed + (seed > 0 ? -1 : 1), choice, position)).not.toBe(value);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
