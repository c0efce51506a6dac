// Limits of a key whose requests come in at several places: what the home lends them together never exceeds a limit.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { Home, type HomeState, LEASE_MS, type LeaseRequest } from '../../../../infra/edge/limits/lease.ts';
import { LeasedMeter, type LeasedState } from '../../../../infra/edge/limits/leased-meter.ts';
import type { Limits } from '../../../../infra/edge/limits/meter.ts';

const none: Limits = { rpm: null, tpm: null, concurrency: null, budget: null };
const T = Date.UTC(2026, 11, 1, 12);

/** A home, and places whose calls it gets at the time `now`. `fault` may fail a call before or after the home has it. */
class Places {
  now = T;
  calls = 0;
  fault: 'none' | 'before' | 'after' = 'none';
  home = new Home();
  readonly of: LeasedMeter[];

  constructor(count: number) {
    this.of = Array.from({ length: count }, (_, n) => this.open(`place ${n}`));
  }

  open(
    place: string,
    state?: LeasedState,
    open: [string, { tokens: number; at: number }][] = [],
  ): LeasedMeter {
    const askHome = async (request: LeaseRequest, limits: Limits) => {
      this.calls++;
      if (this.fault === 'before') throw new Error('the home cannot be reached');
      const lease = this.home.lease(request, limits, this.now);
      if (this.fault === 'after') throw new Error('the answer was lost');
      return structuredClone(lease);
    };
    return new LeasedMeter({ place, askHome, onFailure: () => {} }, state, open);
  }

  reserve(at: number, id: string, tokens: number, limits: Limits) {
    return this.of[at]!.reserve(id, { tokens, limits, now: this.now });
  }

  settle(at: number, id: string, tokens: number) {
    return this.of[at]!.settle(id, { tokens });
  }

  async renew(): Promise<void> {
    for (const place of this.of) if (place.holds) await place.renew(this.now).catch(() => {});
  }
}

const steps = fc.array(
  fc.record({
    waitMs: fc.integer({ min: 0, max: 4_000 }),
    place: fc.nat(2),
    ends: fc.boolean(),
    index: fc.nat(20),
    most: fc.integer({ min: 0, max: 60 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    fault: fc.constantFrom('none', 'none', 'none', 'before', 'after'),
    /** The process of the place ends, and another one continues with the stored state. */
    restarts: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 100 },
);

test('used and reserved tokens of all places never exceed the budget, nor their open requests the concurrency', async () => {
  const limits = { ...none, budget: 500, concurrency: 3 };
  const property = fc.asyncProperty(steps, async (sequence) => {
    const places = new Places(3);
    const open: { id: string; most: number; place: number }[] = [];
    let [used, renewedAt] = [0, T];
    for (const [id, { waitMs, place, ends, index, most, share, fault, restarts }] of sequence.entries()) {
      places.now += waitMs;
      places.fault = 'none';
      if (places.now - renewedAt > LEASE_MS / 2) {
        await places.renew();
        renewedAt = places.now;
      }
      places.fault = fault as Places['fault'];
      if (restarts) {
        const { state, open: reserved } = places.of[place]!;
        places.of[place] = places.open(`place ${place}`, structuredClone(state), [...reserved]);
      }
      if (ends && open.length > 0) {
        const [ended] = open.splice(index % open.length, 1);
        const tokens = Math.floor(share * ended!.most);
        expect(places.settle(ended!.place, ended!.id, tokens)).toBe(true);
        expect(places.settle(ended!.place, ended!.id, tokens)).toBe(false);
        used += tokens;
      } else {
        const exceeded = await places.reserve(place, `${id}`, most, limits).catch(() => 'failed');
        if (exceeded === undefined) open.push({ id: `${id}`, most, place });
      }
      const reserved = open.reduce((sum, { most: tokens }) => sum + tokens, 0);
      expect(used + reserved).toBeLessThanOrEqual(500);
      expect(open.length).toBeLessThanOrEqual(3);
    }
    places.fault = 'none';
    for (const { id, most, place } of open) places.settle(place, id, most);
    used += open.reduce((sum, { most }) => sum + most, 0);
    for (let n = 0; n < 2; n++) for (const place of places.of) await place.renew(places.now);
    expect(places.home.state.meter.used).toBe(used);
    expect(Object.values(places.home.state.places).every(({ held }) => held === null)).toBe(true);
  });
  await fc.assert(property, { seed: 16, numRuns: 300 });
});

test('the places together make no more requests and use no more tokens a minute than the limits', async () => {
  const limits = { ...none, rpm: 30, tpm: 600 };
  const property = fc.asyncProperty(steps, async (sequence) => {
    const places = new Places(3);
    const taken: { at: number; tokens: number }[] = [];
    for (const [id, { waitMs, place, most }] of sequence.entries()) {
      places.now += waitMs / 40;
      if ((await places.reserve(place, `${id}`, most, limits)) !== undefined) continue;
      places.settle(place, `${id}`, most);
      taken.push({ at: places.now, tokens: most });
      const elapsed = (places.now - T) / 60_000;
      expect(taken.length).toBeLessThanOrEqual(30 * (1 + elapsed) + 1e-6);
      expect(taken.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(
        600 * (1 + elapsed) + 1e-6,
      );
    }
  });
  await fc.assert(property, { seed: 17, numRuns: 300 });
});

describe('a place', () => {
  it('asks its home once in about half a lease, not once a request', async () => {
    const limits = { ...none, budget: 10_000_000, tpm: 1_000_000, rpm: 100_000, concurrency: 1_000 };
    const places = new Places(1);
    for (let n = 0; n < 2_000; n++) {
      places.now += 10;
      expect(await places.reserve(0, `${n}`, 50, limits)).toBeUndefined();
      places.settle(0, `${n}`, 40);
    }
    expect(places.calls).toBeLessThanOrEqual(8); // 20 s
    await places.renew();
    expect(places.home.state.meter.used).toBe(80_000);
  });

  it('refuses again without asking for a quarter of a second, and says what is left at home', async () => {
    const limits = { ...none, tpm: 100, rpm: 10 };
    const places = new Places(2);
    expect(await places.reserve(0, 'a', 60, limits)).toBeUndefined();
    const exceeded = await places.reserve(1, 'b', 60, limits);
    expect(exceeded).toMatchObject({ kind: 'tokens', limit: 100 });
    const { calls } = places;
    expect(await places.reserve(1, 'c', 70, limits)).toEqual(exceeded);
    expect(places.calls).toBe(calls);
    expect(await places.reserve(1, 'd', 20, limits)).toBeUndefined();
    expect(places.of[1]!.read(limits)).toMatchObject({ tokens: { limit: 100 }, requests: { limit: 10 } });
  });

  it('gives back what it does not use', async () => {
    const limits = { ...none, budget: 1_000, concurrency: 8 };
    const places = new Places(2);
    expect(await places.reserve(0, 'a', 100, limits)).toBeUndefined();
    places.settle(0, 'a', 10);
    expect(await places.reserve(1, 'b', 900, limits)).toMatchObject({ kind: 'budget' });
    for (let n = 0; n < 2; n++) {
      places.now += LEASE_MS / 2;
      await places.renew();
    }
    expect(await places.reserve(1, 'b', 900, limits)).toBeUndefined();
  });

  it('that is silent has used all that it was lent, until it is heard of again', async () => {
    const limits = { ...none, budget: 1_000 };
    const places = new Places(2);
    expect(await places.reserve(0, 'a', 400, limits)).toBeUndefined(); // and a quarter of the other 600, and of the other 450
    places.now += 60_000;
    expect(await places.reserve(1, 'b', 500, limits)).toMatchObject({ kind: 'budget', left: 338 });
    places.settle(0, 'a', 5);
    await places.renew();
    places.now += 1_000;
    expect(await places.reserve(1, 'c', 900, limits)).toBeUndefined();
  });

  it('counts the use of a key without limits, so that a later budget knows it', async () => {
    const places = new Places(1);
    for (const id of ['a', 'b']) {
      expect(await places.reserve(0, id, 100, none)).toBeUndefined();
      places.settle(0, id, 70);
    }
    const limits = { ...none, budget: 200 };
    expect(await places.reserve(0, 'c', 61, limits)).toMatchObject({ kind: 'budget', left: 60 });
    places.now += 1_000;
    expect(await places.reserve(0, 'd', 60, limits)).toBeUndefined();
  });
});

it('a home continues with its stored state', () => {
  const limits = { ...none, budget: 1_000 };
  const request: LeaseRequest = {
    place: 'a',
    used: { requests: 0, tokens: 0 },
    open: { requests: 0, tokens: 0, slots: 0 },
    left: { requests: 0, tokens: 0, slots: 0 },
    asked: { requests: 1, tokens: 100, slots: 1 },
    takesMore: true,
  };
  const first = new Home();
  expect(first.lease(request, limits, T).granted).toEqual({ requests: 0, tokens: 325, slots: 0 });
  const second = new Home(JSON.parse(JSON.stringify(first.state)) as HomeState);
  expect(second.lease({ ...request, place: 'b' }, limits, T).granted.tokens).toBe(243);
  expect(
    second.lease({ ...request, place: 'c', asked: { requests: 1, tokens: 433, slots: 1 } }, limits, T),
  ).toMatchObject({
    granted: { requests: 0, tokens: 0, slots: 0 },
    exceeded: { kind: 'budget', left: 432 },
  });
});
