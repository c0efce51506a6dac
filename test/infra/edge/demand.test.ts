// Which regions the edge says are wanted, and for how long.
import { expect, it, vi } from 'vitest';
import { Demand, type DemandStore, memoryDemand } from '../../../infra/edge/demand/demand.ts';
import { untilStarted } from '../../../infra/edge/gateways/cold-start.ts';
import { Gateways } from '../../../infra/edge/gateways/gateways.ts';

const regions = ['eu', 'us'];
const never = () => {
  throw new Error('the store did not fail');
};

it('wants a region for a minute after its last request', async () => {
  const demand = new Demand(memoryDemand(), { regions, onFailure: never });
  await demand.want('eu', 1_000_000);
  const at = async (now: number) => (await demand.report(now)).regions[0];
  expect(await at(1_000_000)).toEqual({ region: 'eu', wanted: 1, idle_seconds: 0 });
  expect(await at(1_059_999)).toEqual({ region: 'eu', wanted: 1, idle_seconds: 60 });
  expect(await at(1_060_000)).toEqual({ region: 'eu', wanted: 0, idle_seconds: 60 });
  expect((await demand.report(1_000_000)).regions[1]).toEqual({
    region: 'us',
    wanted: 0,
    idle_seconds: null,
  });
});

it('writes each region at most every five seconds', async () => {
  const notes: [string, number][] = [];
  const store: DemandStore = { note: (...note) => void notes.push(note), read: () => new Map() };
  const demand = new Demand(store, { regions, onFailure: never });
  for (const now of [0, 1, 4_999, 5_000]) await demand.want('eu', now);
  await demand.want('us', 4_999);
  expect(notes).toEqual([
    ['eu', 0],
    ['eu', 5_000],
    ['us', 4_999],
  ]);
});

it('tells that a write has failed, and writes again with the next request', async () => {
  const failures: unknown[] = [];
  let isBroken = true;
  const times = memoryDemand();
  const store: DemandStore = {
    note(...note) {
      if (isBroken) throw new Error('disk full');
      return times.note(...note);
    },
    read: () => (isBroken ? Promise.reject(new Error('disk full')) : times.read()),
  };
  const demand = new Demand(store, { regions, onFailure: (cause) => failures.push(cause) });
  await demand.want('eu', 0);
  expect(failures).toHaveLength(1);
  await expect(demand.report(0)).rejects.toThrow('disk full');
  isBroken = false;
  await demand.want('eu', 1);
  expect((await demand.report(1)).regions[0]).toMatchObject({ wanted: 1 });
});

it('hears of requests that last long, and of requests that wait for a region', async () => {
  vi.useFakeTimers();
  try {
    const used: string[] = [];
    const gateways = new Gateways([{ url: 'http://a', region: 'eu' }], (region) => used.push(region));
    const [gateway] = gateways.all;
    if (gateway === undefined) throw new Error('there is no gateway');
    const attempt = gateways.begin(gateway, new AbortController().signal);
    vi.advanceTimersByTime(45_000);
    expect(used).toEqual(['eu', 'eu']);
    attempt.end();
    vi.advanceTimersByTime(60_000);
    expect(used).toHaveLength(2);
    gateways.checked(gateway, false);
    const { signal } = new AbortController();
    const started = untilStarted(gateways, regions, { until: performance.now() + 10_000, signal });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(used.length).toBeGreaterThan(4);
    gateways.checked(gateway, true);
    await vi.advanceTimersByTimeAsync(250);
    expect(await started).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
