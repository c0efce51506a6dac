// The values of flags as they are written: whole numbers, shares, sizes, lists, bits.
import { expect, it } from 'vitest';
import { parseBits } from '../../../cli/flags/bits.ts';
import {
  bytes,
  formatBinary,
  integer,
  port,
  several,
  share,
  shareOrNone,
  variableOf,
} from '../../../cli/flags/flags.ts';
import { split } from '../../../cli/flags/split.ts';

it.each([
  ['0', 0],
  ['65535', 65_535],
])('port %s is %i', (text, value) => {
  expect(port(text)).toBe(value);
});

it.each(['', ' 1', '-1', '1.5', '1e3', '65536', 'x'])('port %j is refused with its range', (text) => {
  expect(() => port(text)).toThrow('It must be a whole number from 0 to 65535.');
});

it('says only the lower bound of a number that has no upper one', () => {
  expect(() => integer({ min: 4 })('3')).toThrow('It must be a whole number of at least 4.');
  expect(integer({ min: 4 })('4')).toBe(4);
});

it.each(['0', '1.01', '-0.5', '', ' ', 'x', 'NaN'])('%j is no share', (text) => {
  expect(() => share(text)).toThrow('It must be a number above 0 and at most 1.');
});

it('takes 0 only where no share at all is meant', () => {
  expect([share('0.25'), share('1'), shareOrNone('0'), shareOrNone('0.001')]).toEqual([0.25, 1, 0, 0.001]);
  expect(() => shareOrNone(' ')).toThrow('at most 1');
});

it.each([
  ['1073741824', 2 ** 30],
  ['1g', 2 ** 30],
  ['1GiB', 2 ** 30],
  ['1.5 KiB', 1536],
  ['512mb', 512 * 2 ** 20],
  ['2T', 2 * 2 ** 40],
])('the size %s is %i bytes', (text, size) => {
  expect(bytes(text)).toBe(size);
});

it.each(['', 'GiB', '1PiB', '-1', '1 2'])('%j is no size', (text) => {
  expect(() => bytes(text)).toThrow('It must be a size such as 512MiB or 2GiB.');
});

it.each([1, 1000, 1024, 1536, 2 ** 20 + 1, 3 * 2 ** 30, 7 * 2 ** 40])(
  '%i bytes are written so that the flag reads at least as many',
  (size) => {
    expect(bytes(formatBinary(size))).toBeGreaterThanOrEqual(size);
    expect(bytes(formatBinary(size))).toBeLessThanOrEqual(1.1 * size + 1024);
  },
);

it('rounds down where a size is a limit', () => {
  expect(formatBinary(1.99 * 2 ** 30, Math.floor)).toBe('1.9GiB');
});

it('collects a repeated flag, and one value per line of its twin', () => {
  expect(several('b', ['a'])).toEqual(['a', 'b']);
  expect(several(' a \n\n b\n')).toEqual(['a', 'b']);
});

it('names the twin of a flag by its long form', () => {
  expect(variableOf('-p, --kv-memory <size>')).toBe('EXPERTGRID_KV_MEMORY');
  expect(() => variableOf('-p')).toThrow('no long flag in -p');
});

it.each([4, 8, 16, 32])('%i bits', (bits) => {
  expect(parseBits(String(bits))).toBe(bits);
});

it.each(['', '3', '4.0', '04'])('%j are no bits', (text) => {
  expect(() => parseBits(text)).toThrow('It must be 4, 8, 16 or 32.');
});

it.each([
  [96, 4],
  [10, 3],
  [5, 5],
  [7, 1],
])('splits %i experts over %i shards without a gap, evenly', (experts, shards) => {
  const ranges = split(experts, shards).map((text) => text.split('-').map(Number));
  const sizes = ranges.map(([first = 0, last = first]) => last - first + 1);
  expect(ranges.map(([first]) => first)).toEqual(
    sizes.map((_, shard) => sizes.slice(0, shard).reduce((sum, size) => sum + size, 0)),
  );
  expect(sizes.reduce((sum, size) => sum + size)).toBe(experts);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
});

it('refuses more shards than experts', () => {
  expect(() => split(3, 4)).toThrow('3 experts cannot be split over 4 shards');
});
