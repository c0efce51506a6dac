// Checks the parsers of values: whole numbers, shares, sizes, lists and bits.
import { expect, it } from 'vitest';
import { parseBits } from '../../../cli/flags/bits.ts';
import {
  bytes,
  commaSeparated,
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
])('port accepts %s as %i', (text, value) => {
  expect(port(text)).toBe(value);
});

it.each(['', ' 1', '-1', '1.5', '1e3', '65536', 'x'])('port refuses %j with its range', (text) => {
  expect(() => port(text)).toThrow('It must be a whole number from 0 to 65535.');
});

it('integer states only the lower bound in its error if there is no upper bound', () => {
  expect(() => integer({ min: 4 })('3')).toThrow('It must be a whole number of at least 4.');
  expect(integer({ min: 4 })('4')).toBe(4);
});

it.each(['0', '1.01', '-0.5', '', ' ', 'x', 'NaN'])('share refuses %j', (text) => {
  expect(() => share(text)).toThrow('It must be a number above 0 and at most 1.');
});

it('shareOrNone accepts 0', () => {
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
])('bytes parses %s as %i', (text, size) => {
  expect(bytes(text)).toBe(size);
});

it.each(['', 'GiB', '1PiB', '-1', '1 2'])('bytes refuses %j', (text) => {
  expect(() => bytes(text)).toThrow('It must be a size such as 512MiB or 2GiB.');
});

it.each([1, 1000, 1024, 1536, 2 ** 20 + 1, 3 * 2 ** 30, 7 * 2 ** 40])(
  'formatBinary writes %i bytes so that bytes parses at least as many',
  (size) => {
    expect(bytes(formatBinary(size))).toBeGreaterThanOrEqual(size);
    expect(bytes(formatBinary(size))).toBeLessThanOrEqual(1.1 * size + 1024);
  },
);

it('formatBinary rounds down if Math.floor is given', () => {
  expect(formatBinary(1.99 * 2 ** 30, Math.floor)).toBe('1.9GiB');
});

it('several collects the values of a repeated flag, or one value from each line of its environment variable', () => {
  expect(several('b', ['a'])).toEqual(['a', 'b']);
  expect(several(' a \n\n b\n')).toEqual(['a', 'b']);
});

it('commaSeparated trims the items', () => {
  expect(commaSeparated('a:1, b:2 ,c')).toEqual(['a:1', 'b:2', 'c']);
});

it('variableOf names the environment variable after the long form of a flag', () => {
  expect(variableOf('-p, --kv-memory <size>')).toBe('EXPERTGRID_KV_MEMORY');
  expect(() => variableOf('-p')).toThrow('no long flag in -p');
});

it.each([4, 6, 8, 16, 32])('parseBits accepts %i', (bits) => {
  expect(parseBits(String(bits))).toBe(bits);
});

it.each(['', '3', '5', '4.0', '04'])('parseBits refuses %j', (text) => {
  expect(() => parseBits(text)).toThrow('It must be 4, 6, 8, 16 or 32.');
});

it.each([
  [96, 4],
  [10, 3],
  [5, 5],
  [7, 1],
])('split divides %i experts over %i shards evenly and without gaps', (experts, shards) => {
  const ranges = split(experts, shards).map((text) => text.split('-').map(Number));
  const sizes = ranges.map(([first = 0, last = first]) => last - first + 1);
  expect(ranges.map(([first]) => first)).toEqual(
    sizes.map((_, shard) => sizes.slice(0, shard).reduce((sum, size) => sum + size, 0)),
  );
  expect(sizes.reduce((sum, size) => sum + size)).toBe(experts);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
});

it('split refuses more shards than experts', () => {
  expect(() => split(3, 4)).toThrow('3 experts cannot be split over 4 shards');
});
