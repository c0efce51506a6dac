// Limits of a key whose requests come in at several places: what the home lends them together never exceeds a limit.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { Home, type HomeState, LEASE_MS, type LeaseRequest } from '../../../../infra/edge/limits/lease.ts';
import { LeasedMeter, type LeasedState } from '../../../../infra/edge/limits/leased-meter.ts';
import type { Limits, Reservation } from '../../../../infra/edge/limits/meter.ts';

const none: Limits = { rpm: null, tpm: null, concurrency: null, budget: null };
const T = Date.UTC(2026, 11, 1, 12);

interface Stored {
  state: LeasedState;
  open: [string, Reservation][];
}

/** A home, and places whose calls it gets at the time `now`. `fault` may fail a call before or after the home has it. */
class Places {
  now = T;
  calls = 0;
  fault: 'none' | 'before' | 'after' = 'none';
  home = new Home();
  readonly of: LeasedMeter[];
  /** What each place has in its database. */
  readonly #stored = new Map<number, Stored>();

  constructor(count: number) {
    this.of = Array.from({ length: count }, (_, n) => this.#open(n));
  }

  #open(n: number): LeasedMeter {
    const askHome = async (request: LeaseRequest, limits: Limits) => {
      this.#save(n);
      this.calls++;
      if (this.fault === 'before') throw new Error('the home cannot be reached');
      const lease = this.home.lease(structuredClone(request), limits, this.now);
      if (this.fault === 'after') throw new Error('the answer was lost');
      return structuredClone(lease);
    };
    const { state, open } = this.#stored.get(n) ?? { state: undefined, open: [] };
    return new LeasedMeter({ place: `place ${n}`, askHome, onFailure: () => {} }, state, open);
  }

  #save(n: number): void {
    const place = this.of[n]!;
    this.#stored.set(n, structuredClone({ state: place.state, open: [...place.open] }));
  }

  /** The process of the place ends, and another one continues with what was stored. */
  restart(n: number): void {
    this.of[n] = this.#open(n);
  }

  async reserve(at: number, id: string, tokens: number, limits: Limits) {
    const exceeded = await this.of[at]!.reserve(id, { tokens, limits, now: this.now });
    if (exceeded === undefined) this.#save(at);
    return exceeded;
  }

  settle(at: number, id: string, tokens: number) {
    const settled = this.of[at]!.settle(id, { tokens, now: this.now });
    this.#save(at);
    return settled;
  }

  /** As the alarms of all places do. */
  async renew(): Promise<void> {
    for (const [n, place] of this.of.entries()) {
      if (place.renewsIn(this.now) !== 0) continue;
      await place.renew(this.now).catch(() => {});
      this.#save(n);
    }
  }

  /** Lets time pass, with all alarms. */
  async pass(ms: number): Promise<void> {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + 1_000);
      await this.renew();
    }
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
    let used = 0;
    for (const [id, { waitMs, place, ends, index, most, share, fault, restarts }] of sequence.entries()) {
      places.fault = 'none';
      await places.pass(waitMs);
      places.fault = fault as Places['fault'];
      if (restarts) places.restart(place);
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
    await places.pass(3 * LEASE_MS);
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
    await places.pass(LEASE_MS);
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
    await places.pass(2 * LEASE_MS);
    expect(await places.reserve(1, 'b', 900, limits)).toBeUndefined();
    places.settle(1, 'b', 0);
    const { calls } = places;
    await places.pass(6 * LEASE_MS);
    expect(places.calls - calls).toBeLessThanOrEqual(3); // nothing is lent, so nothing is renewed
  });

  it.each(['before', 'after'] as const)(
    'gives back what it does not use, even if a call fails (%s the home)',
    async (fault) => {
      const limits = { ...none, budget: 1_000 };
      const places = new Places(2);
      places.fault = fault;
      await expect(places.reserve(0, 'a', 100, limits)).rejects.toThrow();
      await places.pass(2_000);
      places.fault = 'none';
      await places.pass(3 * LEASE_MS);
      expect(places.home.state.meter.used).toBe(0);
      expect(await places.reserve(1, 'b', 1_000, limits)).toBeUndefined();
    },
  );

  it('asks its home one by one, so that a renewal does not take back what a request was granted', async () => {
    const limits = { ...none, budget: 1_000 };
    const home = new Home();
    const waiting: (() => void)[] = [];
    const askHome = async (request: LeaseRequest, given: Limits) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return home.lease(request, given, T);
    };
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const answer = async () => {
      for (const resolve of waiting.splice(0)) resolve();
      await turn();
    };
    const place = new LeasedMeter({ place: 'a', askHome, onFailure: () => {} });
    const first = place.reserve('first', { tokens: 400, limits, now: T });
    await answer();
    expect(await first).toBeUndefined();
    expect(waiting).toHaveLength(1); // more is asked for in the background, because little is left
    const second = place.reserve('second', { tokens: 300, limits, now: T });
    const renewal = place.renew(T);
    await answer();
    expect(waiting).toHaveLength(1);
    await answer();
    expect(await second).toBeUndefined();
    const { held } = home.state.places['a'] ?? {};
    expect(held?.tokens).toBeGreaterThanOrEqual(700);
    while (waiting.length > 0) await answer();
    await renewal;
  });

  it.each([
    ['requests a minute', { ...none, rpm: 100_000 }],
    ['a budget', { ...none, budget: 10_000_000 }],
    ['concurrency', { ...none, concurrency: 1_000 }],
    ['no limits', none],
  ])('asks its home seldom for a key with %s only', async (_, limits) => {
    const places = new Places(1);
    for (let n = 0; n < 1_000; n++) {
      await places.pass(20);
      expect(await places.reserve(0, `${n}`, 50, limits)).toBeUndefined();
      places.settle(0, `${n}`, 40);
    }
    expect(places.calls).toBeLessThanOrEqual(8); // in 20 s
  });

  it('keeps what it was lent until its end while the home cannot be reached', async () => {
    const limits = { ...none, budget: 1_000_000 };
    const places = new Places(1);
    await places.reserve(0, 'a', 100, limits);
    places.fault = 'before';
    for (let ms = 0; ms < LEASE_MS - 500; ms += 500) {
      await places.pass(500);
      if (places.now >= T + LEASE_MS) break;
      expect(await places.reserve(0, `${ms}`, 100, limits)).toBeUndefined();
    }
    await places.pass(1_000);
    await expect(places.reserve(0, 'late', 100, limits)).rejects.toThrow();
  });

  it('counts a request in the month in which it began', async () => {
    const limits = { ...none, budget: 1_000 };
    const places = new Places(2);
    places.now = Date.UTC(2027, 0, 1) - 1_000;
    expect(await places.reserve(0, 'december', 900, limits)).toBeUndefined();
    await places.pass(2 * LEASE_MS);
    expect(await places.reserve(1, 'january', 900, limits)).toBeUndefined();
    places.settle(0, 'december', 900);
    await places.pass(2 * LEASE_MS);
    expect(places.home.state.meter.used).toBe(0);
    expect(await places.reserve(0, 'more', 200, limits)).toMatchObject({ kind: 'budget' });
    places.settle(1, 'january', 900);
    await places.pass(2 * LEASE_MS);
    expect(places.home.state.meter.used).toBe(900);
  });

  it('lets requests pass that use no tokens, although no tokens are left', async () => {
    const limits = { ...none, tpm: 100 };
    const places = new Places(1);
    expect(await places.reserve(0, 'a', 100, limits)).toBeUndefined();
    places.settle(0, 'a', 300);
    expect(await places.reserve(0, 'b', 1, limits)).toMatchObject({ kind: 'tokens' });
    expect(await places.of[0]!.pass(limits, places.now)).toBeUndefined();
  });

  it('that is silent has used all that it was lent, until it is heard of again', async () => {
    const limits = { ...none, budget: 1_000 };
    const places = new Places(2);
    expect(await places.reserve(0, 'a', 400, limits)).toBeUndefined(); // and a quarter of the other 600, and of the other 450
    places.now += 60_000;
    expect(await places.reserve(1, 'b', 500, limits)).toMatchObject({ kind: 'budget', left: 338 });
    places.settle(0, 'a', 5);
    await places.pass(LEASE_MS);
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
    used: { requests: 0, tokens: 0, budget: 0 },
    earlier: { requests: 0, tokens: 0, slots: 0 },
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
