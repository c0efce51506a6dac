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

/** Tokens that an open request may use. */
export interface Reservation {
  tokens: number;
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

export const newMeter: MeterState = { requests: null, tokens: null, month: '', used: 0 };

export class Meter {
  #state: MeterState;
  readonly #open: Map<string, Reservation>;

  constructor(state: MeterState = newMeter, open: Iterable<[string, Reservation]> = []) {
    this.#state = state;
    this.#open = new Map(open);
  }

  get state(): MeterState {
    return this.#state;
  }

  get open(): ReadonlyMap<string, Reservation> {
    return this.#open;
  }

  /** Reserves `tokens` for the request `id`, or returns the limit that refuses them. */
  reserve(
    id: string,
    { tokens, limits, now }: { tokens: number; limits: Limits; now: number },
  ): Exceeded | undefined {
    this.#turn(now);
    const exceeded = this.#exceeded(tokens, limits, now);
    if (exceeded !== undefined) return exceeded;
    this.#take({ requests: 1, tokens }, limits, now);
    this.#open.set(id, { tokens, at: now });
    return undefined;
  }

  /** Lowers the reservation of an open request to `tokens`. */
  correct(id: string, { tokens, limits, now }: { tokens: number; limits: Limits; now: number }): void {
    const reserved = this.#open.get(id);
    if (reserved === undefined || tokens >= reserved.tokens) return;
    this.#take({ tokens: tokens - reserved.tokens }, limits, now);
    this.#open.set(id, { ...reserved, tokens });
  }

  /** Ends a request that has used `tokens`. Returns false if it has been settled before. */
  settle(id: string, { tokens, limits, now }: { tokens: number; limits: Limits; now: number }): boolean {
    const reserved = this.#open.get(id);
    if (reserved === undefined) return false;
    this.#turn(now);
    this.#open.delete(id);
    this.#take({ tokens: tokens - reserved.tokens }, limits, now);
    const { month, used } = this.#state;
    if (monthOf(reserved.at) === month) this.#state = { ...this.#state, used: used + tokens };
    return true;
  }

  /** Counts a request that uses no tokens, or returns the limit that refuses it. */
  pass(limits: Limits, now: number): Exceeded | undefined {
    const refused = this.refusal(limits, now);
    if (refused === undefined) this.#take({ requests: 1, tokens: 0 }, { ...limits, tpm: null }, now);
    return refused;
  }

  /** The limit that refuses every request now, whatever it uses. */
  refusal(limits: Limits, now: number): Exceeded | undefined {
    return this.#exceeded(0, { ...limits, tpm: null, budget: null }, now);
  }

  /** The state of the limits per minute. */
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

  #exceeded(tokens: number, { rpm, tpm, concurrency, budget }: Limits, now: number): Exceeded | undefined {
    const { requests, tokens: bucket } = this.#state;
    if (concurrency !== null && this.#open.size >= concurrency) {
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
      const retryMs = waitFor(requests ?? fullBucket(rpm, now), 1, rpm, now);
      if (retryMs > 0) return { kind: 'requests', limit: rpm, asked: 1, retryMs };
    }
    if (tpm !== null) {
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
