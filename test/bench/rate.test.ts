import { describe, expect, it } from 'vitest';
import { decodeAtOnce, decodeRate, firstTokenSeconds } from '../../bench/load/rate.ts';
import { median } from '../../bench/statistics.ts';

/** `count` arrivals, `gap` ms apart. */
const arrivals = (first: number, count: number, gap: number) =>
  Array.from({ length: count }, (_, i) => first + i * gap);

describe('decodeRate', () => {
  it('does not count the first token of a single stream, which waits for the prompt', () => {
    const times = arrivals(500, 11, 20);
    expect(decodeRate({ startedAt: 0, streams: [{ times, tokens: 11 }] })).toBeCloseTo(50);
  });

  it('counts only tokens that arrive while all streams decode', () => {
    const early = { times: arrivals(0, 11, 10), tokens: 11 };
    const late = { times: arrivals(50, 11, 10), tokens: 11 };
    // From 50 to 100 ms: five tokens of each.
    expect(decodeRate({ startedAt: 0, streams: [early, late] })).toBeCloseTo(200);
  });

  it('takes the number of tokens from the engine if an arrival has several', () => {
    const times = arrivals(0, 11, 20);
    expect(decodeRate({ startedAt: 0, streams: [{ times, tokens: 22 }] })).toBeCloseTo(100);
  });

  it('refuses streams that never decoded together, and a stream without a token', () => {
    const one = { times: arrivals(0, 5, 10), tokens: 5 };
    const other = { times: arrivals(1000, 5, 10), tokens: 5 };
    expect(() => decodeRate({ startedAt: 0, streams: [one, other] })).toThrow('all at once');
    expect(decodeAtOnce({ startedAt: 0, streams: [one, other] })).toBe(false);
    expect(decodeAtOnce({ startedAt: 0, streams: [one, one] })).toBe(true);
    expect(() => decodeRate({ startedAt: 0, streams: [{ times: [], tokens: 0 }] })).toThrow(
      'without a token',
    );
  });
});

it('firstTokenSeconds waits for the last of the streams', () => {
  const streams = [
    { times: [1250], tokens: 1 },
    { times: [1750], tokens: 1 },
  ];
  expect(firstTokenSeconds({ startedAt: 1000, streams })).toBe(0.75);
});

it('median returns the middle value, or the mean of the two middle values', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 2, 100])).toBe(3);
  expect(median([])).toBeUndefined();
});
