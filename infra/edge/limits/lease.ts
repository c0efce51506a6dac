// The home of one key: it lends parts of the key's limits to places, so that a place can decide about requests without asking. Pure;
// times are in Unix milliseconds.
//
// What is lent is reserved in the key's meter, so all places together never exceed a limit. A place tells with each call what its
// requests have used, and what it still needs. What it does not keep can be lent to others.
//
// Worked example: budget 1,000. Place A asks for 100: it gets 100 and a quarter of the other 900, so 325. Place B asks for 100: it gets
// 100 and a quarter of the other 575, so 243. A has used 40 and keeps 60: now 657 are left at home.
import type { Readings } from '../../../tenancy/rate-headers.ts';
import {
  type Counted,
  type Exceeded,
  type Limits,
  Meter,
  type MeterState,
  monthOf,
  type Parts,
} from './meter.ts';

/** How long a place may use what it was lent. */
export const LEASE_MS = 10_000;
/** After this time more, the home counts a lease as used. Clocks of two places may differ. */
const GRACE_MS = 5_000;
/** Part of what is left at home that a place gets in advance. */
const SHARE = 1 / 4;

/** What a place tells its home. */
export interface LeaseRequest {
  place: string;
  /** What the place has used since it exists. Tokens of open requests do not count. */
  used: Counted;
  /** What its open requests may still use. */
  open: Parts;
  /** The same of requests that began in an earlier month, whose budget they count against. */
  earlier: Parts;
  /** What it was lent besides, and wants to keep for requests to come. */
  left: Parts;
  /** What it needs in addition, all or nothing. */
  asked: Parts;
  /** Whether it takes more, so that it need not ask again soon. */
  takesMore: boolean;
}

export interface Lease {
  /** What the place may use for requests to come, minus `LeaseRequest.left`. Negative if the place had less than it believed. */
  granted: Parts;
  until: number;
  /** Why `asked` was not granted. */
  exceeded?: Exceeded;
  /** What is left at home. */
  readings: Readings;
}

interface PlaceState {
  /** What was counted as used in the key's meter. */
  counted: Counted;
  /** What the place may use until `until`: for requests of this month, and of earlier ones. Null: nothing. */
  held: Parts | null;
  earlier: Parts | null;
  at: number;
  until: number;
}

export interface HomeState {
  meter: MeterState;
  places: Record<string, PlaceState>;
}

export const noParts: Parts = { requests: 0, tokens: 0, slots: 0 };
const nothing: Counted = { requests: 0, tokens: 0, budget: 0 };
const newPlace: PlaceState = { counted: nothing, held: null, earlier: null, at: 0, until: 0 };
/** A time of an earlier month. */
const EARLIER = 0;

export class Home {
  readonly #meter: Meter;
  readonly #places: Map<string, PlaceState>;

  constructor(state?: HomeState) {
    this.#places = new Map(Object.entries(state?.places ?? {}));
    const held = [...this.#places].flatMap(([place, { held, earlier, at }]) => [
      ...(held === null ? [] : [[place, { ...held, at }] as const]),
      ...(earlier === null ? [] : [[earlierOf(place), { ...earlier, at: EARLIER }] as const]),
    ]);
    this.#meter = new Meter(state?.meter, held);
  }

  get state(): HomeState {
    return { meter: this.#meter.state, places: Object.fromEntries(this.#places) };
  }

  lease(request: LeaseRequest, limits: Limits, now: number): Lease {
    const { place, used, left, asked, takesMore } = request;
    const meter = this.#meter;
    this.#expire(limits, now);
    const kept = this.#take(request, limits, now);
    const open = limited(request.open, limits);
    const earlier = limited(request.earlier, limits);
    this.#hold(place, { held: plus(kept, open), earlier }, limits, now);
    const exceeded = meter.exceeded(asked, limits, now);
    const granted = exceeded === undefined ? asked : noParts;
    const more = exceeded === undefined && takesMore ? shareOf(meter.left(limits, now), granted) : granted;
    const coming = limited(plus(kept, more), limits);
    this.#giveBack(place, limits, now);
    const parts = this.#hold(place, { held: plus(open, coming), earlier }, limits, now);
    const until = now + LEASE_MS;
    this.#places.set(place, { counted: used, ...parts, at: now, until });
    const readings = meter.read(limits, now);
    return { granted: minus(coming, left), until, readings, ...(exceeded !== undefined && { exceeded }) };
  }

  /** Takes back what the place was lent, and counts what it has used. Returns what it keeps for requests to come. */
  #take({ place, used, open, earlier, left }: LeaseRequest, limits: Limits, now: number): Parts {
    const before = this.#places.get(place) ?? newPlace;
    const newly = {
      requests: used.requests - before.counted.requests,
      tokens: used.tokens - before.counted.tokens,
      budget: used.budget - before.counted.budget,
    };
    this.#giveBack(place, limits, now);
    this.#meter.count(newly, limits, now);
    const lent = plus(before.held ?? noParts, before.earlier ?? noParts);
    const rest = minus(lent, plus(plus(open, earlier), { ...newly, slots: 0 }));
    return limited(atLeastNothing(least(left, rest)), limits);
  }

  #giveBack(place: string, limits: Limits, now: number): void {
    for (const id of [place, earlierOf(place)])
      this.#meter.settle(id, { requests: 0, tokens: 0, limits, now });
  }

  #hold(
    place: string,
    parts: { held: Parts; earlier: Parts },
    limits: Limits,
    now: number,
  ): Pick<PlaceState, 'held' | 'earlier'> {
    const held = orNull(parts.held);
    const earlier = orNull(parts.earlier);
    if (held !== null) this.#meter.hold(place, held, { limits, now });
    if (earlier !== null) this.#meter.hold(earlierOf(place), earlier, { limits, now, at: EARLIER });
    return { held, earlier };
  }

  /** Counts everything that a silent place was lent as used. When the place is heard of again, its own count replaces this one. */
  #expire(limits: Limits, now: number): void {
    for (const [place, state] of this.#places) {
      const { counted, held, earlier, until, at } = state;
      if ((held === null && earlier === null) || until + GRACE_MS > now) continue;
      const lent = plus(held ?? noParts, earlier ?? noParts);
      const budget = monthOf(at) === monthOf(now) ? (held?.tokens ?? 0) : 0;
      const newly = { requests: lent.requests, tokens: lent.tokens, budget };
      this.#giveBack(place, limits, now);
      this.#meter.count(newly, limits, now);
      const all = {
        requests: counted.requests + newly.requests,
        tokens: counted.tokens + newly.tokens,
        budget: counted.budget + budget,
      };
      this.#places.set(place, { ...state, counted: all, held: null, earlier: null });
    }
  }
}

function earlierOf(place: string): string {
  return `${place} earlier`;
}

function orNull(parts: Parts): Parts | null {
  return parts.requests > 0 || parts.tokens > 0 || parts.slots > 0 ? parts : null;
}

/** Without the parts that the key does not limit. */
function limited(parts: Parts, { rpm, tpm, concurrency, budget }: Limits): Parts {
  return {
    requests: rpm === null ? 0 : parts.requests,
    tokens: tpm === null && budget === null ? 0 : parts.tokens,
    slots: concurrency === null ? 0 : parts.slots,
  };
}

/** `granted`, and a share of the rest of `left`. Parts without a limit are infinite in `left`. */
function shareOf(left: Parts, granted: Parts): Parts {
  const part = (all: number, own: number) =>
    all === Number.POSITIVE_INFINITY ? own : own + Math.floor(Math.max(0, all - own) * SHARE);
  return {
    requests: part(left.requests, granted.requests),
    tokens: part(left.tokens, granted.tokens),
    slots: part(left.slots, granted.slots),
  };
}

export function minus(a: Parts, b: Parts): Parts {
  return { requests: a.requests - b.requests, tokens: a.tokens - b.tokens, slots: a.slots - b.slots };
}

export function least(a: Parts, b: Parts): Parts {
  return {
    requests: Math.min(a.requests, b.requests),
    tokens: Math.min(a.tokens, b.tokens),
    slots: Math.min(a.slots, b.slots),
  };
}

function atLeastNothing({ requests, tokens, slots }: Parts): Parts {
  return { requests: Math.max(0, requests), tokens: Math.max(0, tokens), slots: Math.max(0, slots) };
}

export function plus(a: Parts, b: Parts): Parts {
  return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens, slots: a.slots + b.slots };
}
