import { expect, test } from 'vitest';
import { combine } from '../../router/combine.ts';

test('adds weighted answers in order of rank, and rounds after each rank', () => {
  const assignment = { k: 2, experts: new Uint16Array(2), weights: Float32Array.of(0.1, 0.3) };
  const residual = Float32Array.of(1e8, 1);
  combine(residual, Float32Array.of(50, 0.7, -20, 0.9), assignment, 2);
  const first = Math.fround(1 + Math.fround(0.1) * Math.fround(0.7));
  expect(residual[1]).toBe(Math.fround(first + Math.fround(0.3) * Math.fround(0.9)));
  // 1e8 + 5 rounds to 100000008, and 100000008 - 6 to 100000000. The other order gives another sum.
  expect(residual[0]).toBe(Math.fround(Math.fround(1e8 + 50 * Math.fround(0.1)) - 20 * Math.fround(0.3)));
});

test('does not change rows whose mask is 0', () => {
  const assignment = { k: 1, experts: new Uint16Array(2), weights: Float32Array.of(1, 1) };
  const residual = Float32Array.of(1, 2);
  combine(residual, Float32Array.of(10, 20), assignment, 1, Uint8Array.of(0, 1));
  expect([...residual]).toEqual([1, 22]);
});

test('throws if the answers have the wrong shape', () => {
  const assignment = { k: 1, experts: new Uint16Array(2), weights: new Float32Array(2) };
  expect(() => combine(new Float32Array(4), new Float32Array(3), assignment, 2)).toThrow(
    'need 2 weights and 4',
  );
});
