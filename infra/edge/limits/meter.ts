// What one key has used of its limits, and what its open requests may still use. Pure; times are in Unix milliseconds.
//
// A request reserves the most tokens that it may use, before it leaves the edge. When its end is known, it is settled: the reservation
// is given back, and the tokens that were really used are taken. So the sum of used and reserved tokens never exceeds a limit, however
// many requests run at the same time.
//
// Worked example: budget 1,000, used 400. A request with a prompt of at most 50 tokens and `max_tokens` 100 reserves 150, and 550 are
// left for others. It ends after 20 tokens with a prompt of 30: now 450 are used, and 550 are left.
import { type Bucket, fullBucket, readBucket, taken, waitFor } from '../../../tenancy/rate-buckets.ts';
import type { Readings } from '../../../tenancy/rate-headers.ts';
import type { AccountFields } from '../accounts/account.ts';

export type Limits = Pick<AccountFields, 'rpm' | 'tpm' | 'concurrency' | 'budget'>;

/** What one or several requests take of the limits. `slots`: how many of them run at the same time. */
export interface Parts {
  requests: number;
  tokens: number;
  slots: number;
}

/** What has been used. `budget`: the tokens that count against the month. */
export interface Counted {
  requests: number;
  tokens: number;
  budget: number;
}

/** What an open request may use. */
export interface Reservation {
  tokens: number;
  /** Default: 1. */
  requests?: number;
  /** Default: 1. */
  slots?: number;
  /** When it was made. Its tokens count in the month of this time. */
  at: number;
}

export interface MeterState {
  requests: Bucket | null;
  tokens: Bucket | null;
  /** The calendar month (UTC) that `used` counts, such as `2026-12`. */
  month: string;
  /** Settled tokens of the month. */
  used: number;
}

/** The limit that does not allow a request. */
export interface Exceeded {
  kind: 'requests' | 'tokens' | 'concurrency' | 'budget';
  limit: number;
  /** Tokens that the request may use, or 1. */
  asked: number;
  /** Tokens that are left of the budget. Only if `kind` is `budget`. */
  left?: number;
  /** Time until the request may be repeated. Infinity: it asks for more than the limit itself. */
  retryMs: number;
}

/** Retry time at the limit of concurrent requests. It is fixed, because nobody knows when a request will end. */
const CONCURRENCY_RETRY_MS = 1_000;

/** A request that asks for tokens, or ends with them. */
export interface Asked {
  tokens: number;
  limits: Limits;
  now: number;
}

/** Decides about the requests of one key. */
export interface Deciding<State> {
  /** Is stored after each change. */
  readonly state: State;
  readonly open: ReadonlyMap<string, Reservation>;
  /** Reserves `tokens` for the request `id`, or returns the limit that refuses them. */
  reserve(id: string, asked: Asked): Exceeded | undefined | Promise<Exceeded | undefined>;
  /** Lowers the reservation of an open request to `tokens`. */
  correct(id: string, asked: Asked): void;
  /** Ends a request that has used `tokens`. Returns false if it has been settled before. */
  settle(id: string, asked: Asked): boolean;
  /** Counts a request that uses no tokens, or returns the limit that refuses it. */
  pass(limits: Limits, now: number): Exceeded | undefined | Promise<Exceeded | undefined>;
  /** The limit that refuses every request now, whatever it uses. */
  refusal(limits: Limits, now: number): Exceeded | undefined;
  /** The state of the limits per minute. */
  read(limits: Limits, now: number): Readings;
}

const oneRequest = { requests: 1, slots: 1 };

export const newMeter: MeterState = { requests: null, tokens: null, month: '', used: 0 };

export class Meter implements Deciding<MeterState> {
  #state: MeterState;
  readonly #open: Map<string, Reservation>;

  constructor(state: MeterState = newMeter, open: Iterable<readonly [string, Reservation]> = []) {
    this.#state = state;
    this.#open = new Map(open);
  }

  get state(): MeterState {
    return this.#state;
  }

  get open(): ReadonlyMap<string, Reservation> {
    return this.#open;
  }

  reserve(id: string, { tokens, limits, now }: Asked): Exceeded | undefined {
    const exceeded = this.exceeded({ ...oneRequest, tokens }, limits, now);
    if (exceeded === undefined) this.hold(id, { ...oneRequest, tokens }, { limits, now });
    return exceeded;
  }

  /** Reserves the parts under `id`, even if a limit does not allow it. They count in the month of `at`. */
  hold(
    id: string,
    { requests, tokens, slots }: Parts,
    { limits, now, at = now }: { limits: Limits; now: number; at?: number },
  ): void {
    this.#turn(now);
    this.#take({ requests, tokens }, limits, now);
    this.#open.set(id, { requests, tokens, slots, at });
  }

  correct(id: string, { tokens, limits, now }: Asked): void {
    const reserved = this.#open.get(id);
    if (reserved === undefined || tokens >= reserved.tokens) return;
    this.#take({ tokens: tokens - reserved.tokens }, limits, now);
    this.#open.set(id, { ...reserved, tokens });
  }

  /** `requests`: how many have been made of those that were reserved. Default: all. */
  settle(id: string, { tokens, requests, limits, now }: Asked & { requests?: number }): boolean {
    const reserved = this.#open.get(id);
    if (reserved === undefined) return false;
    const { tokens: most, requests: all = 1, at } = reserved;
    this.#turn(now);
    this.#open.delete(id);
    this.#take({ requests: (requests ?? all) - all, tokens: tokens - most }, limits, now);
    if (monthOf(at) === this.#state.month) this.#use(tokens);
    return true;
  }

  /** Counts what was not reserved. Negative numbers give back. */
  count({ requests, tokens, budget }: Counted, limits: Limits, now: number): void {
    this.#turn(now);
    this.#take({ requests, tokens }, limits, now);
    this.#use(budget);
  }

  pass(limits: Limits, now: number): Exceeded | undefined {
    const refused = this.refusal(limits, now);
    if (refused === undefined) this.#take({ requests: 1, tokens: 0 }, { ...limits, tpm: null }, now);
    return refused;
  }

  refusal(limits: Limits, now: number): Exceeded | undefined {
    return this.exceeded({ ...oneRequest, tokens: 0 }, { ...limits, tpm: null, budget: null }, now);
  }

  read({ rpm, tpm }: Limits, now: number): Readings {
    const { requests, tokens } = this.#state;
    return {
      ...(rpm !== null && { requests: readBucket(requests ?? fullBucket(rpm, now), rpm, now) }),
      ...(tpm !== null && { tokens: readBucket(tokens ?? fullBucket(tpm, now), tpm, now) }),
    };
  }

  /** Tokens of the month that are used, and that open requests may still use. */
  budgetAt(now: number): { used: number; reserved: number } {
    this.#turn(now);
    const reservations = [...this.#open.values()].filter(({ at }) => monthOf(at) === this.#state.month);
    return { used: this.#state.used, reserved: reservations.reduce((sum, { tokens }) => sum + tokens, 0) };
  }

  /** What may be reserved now. Parts without a limit are infinite. */
  left({ rpm, tpm, concurrency, budget }: Limits, now: number): Parts {
    const { requests, tokens } = this.#state;
    const levelOf = (bucket: Bucket | null, limit: number | null) =>
      limit === null
        ? Number.POSITIVE_INFINITY
        : readBucket(bucket ?? fullBucket(limit, now), limit, now).remaining;
    const { used, reserved } = this.budgetAt(now);
    const ofBudget = budget === null ? Number.POSITIVE_INFINITY : Math.max(0, budget - used - reserved);
    return {
      requests: levelOf(requests, rpm),
      tokens: Math.min(levelOf(tokens, tpm), ofBudget),
      slots: concurrency === null ? Number.POSITIVE_INFINITY : Math.max(0, concurrency - this.#slots),
    };
  }

  get #slots(): number {
    return [...this.#open.values()].reduce((sum, { slots = 1 }) => sum + slots, 0);
  }

  /** The limit that does not allow the parts. */
  exceeded({ requests: wanted, tokens, slots }: Parts, limits: Limits, now: number): Exceeded | undefined {
    this.#turn(now);
    const { rpm, tpm, concurrency, budget } = limits;
    const { requests, tokens: bucket } = this.#state;
    if (concurrency !== null && slots > 0 && this.#slots + slots > concurrency) {
      return { kind: 'concurrency', limit: concurrency, asked: 1, retryMs: CONCURRENCY_RETRY_MS };
    }
    if (budget !== null) {
      const { used, reserved } = this.budgetAt(now);
      const left = Math.max(0, budget - used - reserved);
      if (tokens > left) {
        // Open requests may give tokens back soon. If the budget would not suffice even then, only the next month helps.
        const isOpen = used + tokens <= budget;
        const retryMs = isOpen
          ? CONCURRENCY_RETRY_MS
          : tokens > budget
            ? Number.POSITIVE_INFINITY
            : nextMonth(now) - now;
        return { kind: 'budget', limit: budget, asked: tokens, left, retryMs };
      }
    }
    if (rpm !== null) {
      const retryMs = waitFor(requests ?? fullBucket(rpm, now), wanted, rpm, now);
      if (retryMs > 0) return { kind: 'requests', limit: rpm, asked: 1, retryMs };
    }
    if (tpm !== null && tokens > 0) {
      const retryMs = waitFor(bucket ?? fullBucket(tpm, now), tokens, tpm, now);
      if (retryMs > 0) return { kind: 'tokens', limit: tpm, asked: tokens, retryMs };
    }
    return undefined;
  }

  /** Negative numbers give back. A bucket without a limit stays as it is. */
  #take(
    { requests = 0, tokens }: { requests?: number; tokens: number },
    { rpm, tpm }: Limits,
    now: number,
  ): void {
    const state = this.#state;
    this.#state = {
      ...state,
      requests:
        rpm === null ? state.requests : taken(state.requests ?? fullBucket(rpm, now), requests, rpm, now),
      tokens: tpm === null ? state.tokens : taken(state.tokens ?? fullBucket(tpm, now), tokens, tpm, now),
    };
  }

  #use(tokens: number): void {
    this.#state = { ...this.#state, used: this.#state.used + tokens };
  }

  /** Begins a new month if the old one is over. */
  #turn(now: number): void {
    const month = monthOf(now);
    if (month > this.#state.month) this.#state = { ...this.#state, month, used: 0 };
  }
}

export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}

function nextMonth(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}
