import { describe, expect, it } from 'vitest';
import type { Prefetch } from '../../../../kernels/kernels.ts';
import {
  choosePrefetch,
  confirmPrefetch,
  formatPrefetch,
  PREFETCHES,
  parsePrefetch,
} from '../../../../model/devices/cpu/prefetch.ts';

const none: Prefetch = { hint: 'none', aheadBytes: 0 };
const near: Prefetch = { hint: 't0', aheadBytes: 2048 };
const far: Prefetch = { hint: 't1', aheadBytes: 8192 };

/** Eight rounds that take this time, except for one in which another process ran. */
const steady = (microseconds: number) =>
  Array.from({ length: 8 }, (_, i) => (i === 3 ? 10 * microseconds : microseconds));
const measured = (times: [Prefetch, number[]][]) =>
  times.map(([prefetch, microseconds]) => ({ prefetch, microseconds }));

describe('the choice of a prefetch hint', () => {
  it('is the fastest hint if that is clearly faster than none', () => {
    const times: [Prefetch, number[]][] = [
      [none, steady(60)],
      [near, steady(50)],
      [far, steady(45)],
    ];
    expect(choosePrefetch(measured(times))).toEqual(far);
  });

  it('is none if a hint gains less than a tenth', () => {
    const times: [Prefetch, number[]][] = [
      [none, steady(60)],
      [far, steady(56)],
    ];
    expect(choosePrefetch(measured(times))).toEqual(none);
  });

  it('is none if the times without a hint differ more than the gain', () => {
    const noisy = [60, 90, 60, 90, 60, 90, 60, 90];
    const times: [Prefetch, number[]][] = [
      [none, noisy],
      [far, steady(45)],
    ];
    expect(choosePrefetch(measured(times))).toEqual(none);
  });

  it('is a hint only if three measurements agree that one is faster', () => {
    const wins = measured([
      [none, steady(60)],
      [far, steady(45)],
    ]);
    const loses = measured([
      [none, steady(60)],
      [far, steady(60)],
    ]);
    const chosenFrom = (...results: (typeof wins)[]) => {
      const left = [...results];
      return { chosen: confirmPrefetch(() => left.shift())?.prefetch, unused: left.length };
    };
    expect(chosenFrom(wins, wins, wins)).toEqual({ chosen: far, unused: 0 });
    expect(chosenFrom(wins, wins, loses)).toEqual({ chosen: none, unused: 0 });
    expect(chosenFrom(loses, wins, wins)).toEqual({ chosen: none, unused: 2 });
    expect(chosenFrom()).toEqual({ chosen: undefined, unused: 0 });
  });
});

describe('the text of a prefetch hint', () => {
  it('parses to the same hint', () => {
    for (const prefetch of PREFETCHES) expect(parsePrefetch(formatPrefetch(prefetch))).toEqual(prefetch);
  });

  it.each(['', 't0', 't0:', 't0:x', 't0:-1', 't0:65537', 't3:64', 'none:64', 't0:1:2', 'T0:64'])(
    'refuses "%s"',
    (text) => {
      expect(parsePrefetch(text)).toBeUndefined();
    },
  );
});
