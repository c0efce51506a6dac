// The home of one key: it lends parts of the key's limits to places, so that a place can decide about requests without asking. Pure;
// times are in Unix milliseconds.
//
// What is lent is reserved in the key's meter, so all places together never exceed a limit. A place tells with each call what its
// requests have used, and what it still needs. What it does not keep can be lent to others.
//
// Worked example: budget 1,000. Place A asks for 100: it gets 100 and a quarter of the other 900, so 325. Place B asks for 100: it gets
// 100 and a quarter of the other 575, so 243. A has used 40 and keeps 60: now 697 are left at home.
import type { Readings } from '../../../tenancy/rate-headers.ts';
import { type Exceeded, type Limits, Meter, type MeterState, type Parts } from './meter.ts';

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
  used: Pick<Parts, 'requests' | 'tokens'>;
  /** What its open requests may still use. */
  open: Parts;
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
  counted: Pick<Parts, 'requests' | 'tokens'>;
  /** What the place may use until `until`. */
  held: Parts | null;
  at: number;
  until: number;
}

export interface HomeState {
  meter: MeterState;
  places: Record<string, PlaceState>;
}

export const noParts: Parts = { requests: 0, tokens: 0, slots: 0 };

export class Home {
  readonly #meter: Meter;
  readonly #places: Map<string, PlaceState>;

  constructor(state?: HomeState) {
    this.#places = new Map(Object.entries(state?.places ?? {}));
    const held = [...this.#places].flatMap(([place, { held, at }]): [string, Parts & { at: number }][] =>
      held === null ? [] : [[place, { ...held, at }]],
    );
    this.#meter = new Meter(state?.meter, held);
  }

  get state(): HomeState {
    return { meter: this.#meter.state, places: Object.fromEntries(this.#places) };
  }

  lease(request: LeaseRequest, limits: Limits, now: number): Lease {
    const { place, used, open, left, asked, takesMore } = request;
    const meter = this.#meter;
    this.#expire(limits, now);
    const kept = this.#kept(request, limits, now);
    const exceeded = meter.exceeded(asked, limits, now);
    const granted = exceeded === undefined ? asked : noParts;
    const more = exceeded === undefined && takesMore ? shareOf(meter.left(limits, now), granted) : granted;
    const coming = limited(plus(kept, more), limits);
    const held = limited(plus(open, coming), limits);
    meter.settle(place, { requests: 0, tokens: 0, limits, now });
    const holds = held.requests > 0 || held.tokens > 0 || held.slots > 0;
    if (holds) meter.hold(place, held, limits, now);
    const until = now + LEASE_MS;
    this.#places.set(place, { counted: used, held: holds ? held : null, at: now, until });
    const readings = meter.read(limits, now);
    return { granted: minus(coming, left), until, readings, ...(exceeded !== undefined && { exceeded }) };
  }

  /** Counts what the place has used, and returns what it keeps for requests to come. Holds this, and what its open requests need. */
  #kept({ place, used, open, left }: LeaseRequest, limits: Limits, now: number): Parts {
    const { counted, held } = this.#places.get(place) ?? { counted: noParts, held: null };
    const newly = { requests: used.requests - counted.requests, tokens: used.tokens - counted.tokens };
    if (!this.#meter.settle(place, { ...newly, limits, now })) this.#meter.count(newly, limits, now);
    const rest = minus(minus(held ?? noParts, { ...newly, slots: 0 }), open);
    const kept = atLeastNothing(least(left, rest));
    this.#meter.hold(place, limited(plus(kept, open), limits), limits, now);
    return kept;
  }

  /** Counts everything that a silent place was lent as used. When the place is heard of again, its own count replaces this one. */
  #expire(limits: Limits, now: number): void {
    for (const [place, { counted, held, until, at }] of this.#places) {
      if (held === null || until + GRACE_MS > now) continue;
      this.#meter.settle(place, { requests: held.requests, tokens: held.tokens, limits, now });
      const all = { requests: counted.requests + held.requests, tokens: counted.tokens + held.tokens };
      this.#places.set(place, { counted: all, held: null, at, until });
    }
  }
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
