// Reading ahead: the ranges and their order, the end, and damaged ranges.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type Bundle, openBundle } from '../../../model/bundle/bundle.ts';
import { readAhead } from '../../../model/reading/read-ahead.ts';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';

const units = Array.from({ length: 8 }, (_, i) => ({ layer: Math.floor(i / 4), expert: i % 4 }));
const never = { stopped: false, giveWay: () => {} };

let bundle: Bundle | undefined;
afterEach(async () => {
  await bundle?.close();
  bundle = undefined;
});

async function open(seed: number): Promise<Bundle> {
  bundle = await openBundle(await tinyBundle({ layers: 2, experts: 4, seed }));
  return bundle;
}

/** Flips one bit, `at` bytes into a range that starts at `offset`. */
async function damage(path: string, offset: number, at = 5): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset + at]! ^= 4;
  await writeFile(path, bytes);
}

it('reports every matrix of the dense part and every expert of a sound bundle as sound, in order', async () => {
  const { matrixRanges, expertRange, manifest } = await open(21);
  const ranges = [...matrixRanges(), ...units.map(expertRange)];
  expect(matrixRanges().length).toBeGreaterThan(8);
  expect(matrixRanges().every(({ hash }) => Object.values(manifest.dense).includes(hash))).toBe(true);
  const seen: number[] = [];
  readAhead(ranges, { traffic: never, onSound: (index) => seen.push(index) });
  expect(seen).toEqual(ranges.map((_, index) => index));
});

it('lets the serving thread go first after every piece, and ends between two pieces when it is stopped', async () => {
  const { expertRange } = await open(21);
  const ranges = units.map(expertRange);
  let pieces = 0;
  const traffic = { stopped: false, giveWay: () => void pieces++ };
  const seen: number[] = [];
  readAhead(ranges, {
    traffic,
    onSound: (index) => {
      seen.push(index);
      traffic.stopped = seen.length === 3;
    },
  });
  expect(seen).toEqual([0, 1, 2]);
  expect(pieces).toBe(3);
});

it('does not read a range again that another thread has found sound', async () => {
  const { expertRange } = await open(23);
  const ranges = units.map(expertRange);
  const { path, offset } = ranges[2]!;
  await damage(path, offset);
  const seen: number[] = [];
  readAhead(ranges, {
    traffic: never,
    onSound: (index) => seen.push(index),
    isSound: (index) => index === 2,
  });
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it('names the first damaged expert', async () => {
  const { dir, expertRange, manifest } = await open(22);
  const { file, offset, length } = manifest.experts[1]![2]!;
  await damage(join(dir, file), offset, length - 1);
  const reading = () => readAhead(units.map(expertRange), { traffic: never, onSound: () => {} });
  expect(reading).toThrow(`${file}: expert 2 of layer 1: does not match its hash`);
});

it('names a damaged tensor of the dense part', async () => {
  const { matrixRanges } = await open(24);
  const ranges = matrixRanges();
  const { path, offset, what } = ranges.at(-1)!;
  await damage(path, offset);
  expect(() => readAhead(ranges, { traffic: never, onSound: () => {} })).toThrow(
    `dense.safetensors: ${what}: does not match its hash`,
  );
});

it('names a truncated file', async () => {
  const { expertRange } = await open(25);
  const range = expertRange(units[7]!);
  await writeFile(range.path, (await readFile(range.path)).subarray(0, range.offset + 10));
  expect(() => readAhead([range], { traffic: never, onSound: () => {} })).toThrow(
    /experts-00001\.safetensors: ends at byte \d+: the file is truncated/,
  );
});
