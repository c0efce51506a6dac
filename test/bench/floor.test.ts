import { expect, it } from 'vitest';
import { positionBytes, stepBytes } from '../../bench/comparison/floor.ts';

const shape = {
  hidden: 1536,
  layers: 56,
  heads: 16,
  kvHeads: 4,
  headDim: 96,
  experts: 96,
  expertsPerToken: new Array<number>(56).fill(1),
  inner: 768,
  vocab: 200_064,
};

it('a step of one row of Sigma-MoE-Tiny reads 503 MB if no token comes before the row', () => {
  const dense = 56 * (2 * 1536 * 1536 + 2 * 1536 * 384) + 200_064 * 1536;
  const experts = 56 * 3 * 1536 * 768;
  const expected = ((dense + experts) * 4.5) / 8 + 56 * 96 * 1536 * 4;
  expect(stepBytes(shape, { streams: 1, positions: 0 })).toBeCloseTo(expected, -1);
  expect(expected / 1e6).toBeCloseTo(503, 0);
});

it('a position holds 86 KB of keys and values', () => {
  expect(positionBytes(shape)).toBe(86_016);
});

it('rows share experts, and together read each expert at most once', () => {
  const bytes = (streams: number) => stepBytes(shape, { streams, positions: 0 });
  const expert = (56 * 3 * 1536 * 768 * 4.5) / 8;
  expect((bytes(2) - bytes(1)) / expert).toBeCloseTo(1 - 1 / 96, 6);
  expect((bytes(100_000) - bytes(1)) / expert).toBeCloseTo(95, 6);
});

it('layers without experts and shared experts are read by every step, whatever its rows', () => {
  const mixed = {
    ...{ ...shape, expertsPerToken: new Array<number>(54).fill(1) },
    ...{ denseMlp: { layers: [0, 1], inner: 4096 }, sharedExpert: { inner: 512, gated: false } },
  };
  const bytes = (streams: number) => stepBytes(mixed, { streams, positions: 0 });
  const expert = (3 * 1536 * 768 * 4.5) / 8;
  const mlps = (3 * 1536 * (2 * 4096 + 54 * 512) * 4.5) / 8;
  const router = 96 * 1536 * 4;
  const plain = stepBytes(shape, { streams: 1, positions: 0 });
  expect(bytes(1)).toBeCloseTo(plain - 2 * (expert + router) + mlps, -1);
  expect((bytes(2) - bytes(1)) / (54 * expert)).toBeCloseTo(1 - 1 / 96, 6);
});
