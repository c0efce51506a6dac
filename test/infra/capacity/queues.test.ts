import { describe, expect, it } from 'vitest';
import { allBusy, longCount, meanWait, waitExceeded } from '../../../infra/capacity/queues.ts';

describe('one server', () => {
  it('lets exponential work wait for utilisation / (1 - utilisation) service times, and equal work half as long', () => {
    expect(meanWait(0.5, 10)).toBeCloseTo(10);
    expect(meanWait(0.8, 10)).toBeCloseTo(40);
    expect(meanWait(0.8, 10, 0)).toBeCloseTo(20);
    expect(meanWait(0, 10)).toBe(0);
  });

  it('never serves what comes as fast as it works', () => {
    expect(meanWait(1, 10)).toBe(Number.POSITIVE_INFINITY);
    expect(waitExceeded(1.2, 10, 0.01)).toBe(Number.POSITIVE_INFINITY);
  });

  it('has the wait of which the given share of arrivals waits longer', () => {
    const wait = waitExceeded(0.7, 10, 0.01);
    expect(0.7 * Math.exp((-0.3 * wait) / 10)).toBeCloseTo(0.01);
    expect(waitExceeded(0.3, 10, 0.5)).toBe(0);
  });
});

describe('several servers', () => {
  it('are all busy as often as Erlang C says', () => {
    expect(allBusy(1, 0.7)).toBeCloseTo(0.7);
    expect(allBusy(2, 1)).toBeCloseTo(1 / 3);
    expect(allBusy(64, 0)).toBe(0);
    expect(allBusy(4, 4)).toBe(1);
  });

  it('are all busy more often with more work and with fewer servers', () => {
    const offered = [1, 8, 32, 60, 63].map((each) => allBusy(64, each));
    expect(offered).toEqual(offered.toSorted((a, b) => a - b));
    expect(allBusy(64, 60)).toBeGreaterThan(allBusy(70, 60));
  });
});

it('one in a hundred Poisson counts is above the mean by 2.3 standard deviations', () => {
  expect(longCount(100)).toBeCloseTo(123.26);
  expect(longCount(0)).toBe(0);
});
