// The meter of one key in one place. It decides with what the key's home has lent it (lease.ts), and asks the home again in the
// background before that is used up or expires. Only a request that does not fit waits for the home.
import type { Reading } from '../../../tenancy/rate-buckets.ts';
import type { Readings } from '../../../tenancy/rate-headers.ts';
import { LEASE_MS, type Lease, type LeaseRequest, least, minus, noParts, plus } from './lease.ts';
import {
  type Asked,
  type Counted,
  type Deciding,
  type Exceeded,
  type Limits,
  monthOf,
  type Parts,
  type Reservation,
} from './meter.ts';

export type AskHome = (request: LeaseRequest, limits: Limits) => Promise<Lease>;

export interface LeasedState {
  used: Counted;
  /** What was lent, minus what was used and what open requests have reserved. */
  left: Parts;
  until: number;
  /** The limits of the last request. Null: there was none. */
  limits: Limits | null;
  /** What the home had left when it was last asked. */
  readings: Readings;
  /** Whether the home may have lent more than this place knows, because an answer is missing. */
  isUnsure: boolean;
}

interface LeasedMeterOptions {
  place: string;
  askHome: AskHome;
  /** Called if the home could not be asked in the background. */
  onFailure: (cause: unknown) => void;
}

/** Requests that ask for as much as one that the home has refused are refused for this time without asking. */
const REFUSED_MS = 250;
/** The home is not asked for more in advance for this time after it had no more, or did not answer. */
const POOR_MS = 1_000;
/** A place that holds something tells its home what it has used at least this often. */
const RENEW_MS = (3 / 4) * LEASE_MS;
/** Wait after a call of the home that has failed. */
const RETRY_MS = 2_000;
/** A place keeps at most this multiple of what it has taken since it last asked. */
const KEPT = 2;

const newLeased: LeasedState = {
  used: { requests: 0, tokens: 0, budget: 0 },
  left: noParts,
  until: 0,
  limits: null,
  readings: {},
  isUnsure: false,
};

export class LeasedMeter implements Deciding<LeasedState> {
  readonly #options: LeasedMeterOptions;
  readonly #open: Map<string, Reservation>;
  #used: LeasedState['used'];
  #left: Parts;
  #until: number;
  #limits: Limits | null;
  /** Taken since the home was last asked. */
  #taken: Parts = noParts;
  #asking: Promise<Lease> | undefined;
  #isUnsure: boolean;
  /** When the home was last asked. 0: this process has not asked it yet. */
  #askedAt = 0;
  #refused: { exceeded: Exceeded; asked: number; until: number } | undefined;
  #poorUntil = 0;
  #readings: Readings;

  constructor(
    options: LeasedMeterOptions,
    { used, left, until, limits, readings, isUnsure }: LeasedState = newLeased,
    open: Iterable<[string, Reservation]> = [],
  ) {
    this.#options = options;
    this.#used = used;
    this.#left = left;
    this.#until = until;
    this.#limits = limits;
    this.#readings = readings;
    this.#isUnsure = isUnsure;
    this.#open = new Map(open);
  }

  get state(): LeasedState {
    const [used, left, until] = [this.#used, this.#left, this.#until];
    const [readings, isUnsure] = [this.#readings, this.#isUnsure];
    return { used, left, until, limits: this.#limits, readings, isUnsure };
  }

  get open(): ReadonlyMap<string, Reservation> {
    return this.#open;
  }

  /** Milliseconds until `renew` must be called. Undefined: nothing is lent to this place. */
  renewsIn(now: number): number | undefined {
    const { requests, tokens, slots } = this.#left;
    const holds = this.#open.size > 0 || requests > 0 || tokens > 0 || slots > 0;
    if (!holds && !this.#isUnsure) return undefined;
    return Math.max(0, this.#askedAt + (this.#isUnsure ? RETRY_MS : RENEW_MS) - now);
  }

  async reserve(id: string, { tokens, limits, now }: Asked): Promise<Exceeded | undefined> {
    return await this.#take({ requests: 1, tokens, slots: 1 }, limits, now, () => {
      this.#open.set(id, { tokens, at: now });
    });
  }

  async pass(limits: Limits, now: number): Promise<Exceeded | undefined> {
    return await this.#take({ requests: 1, tokens: 0, slots: 0 }, limits, now, () => {
      this.#used = { ...this.#used, requests: this.#used.requests + 1 };
    });
  }

  correct(id: string, { tokens }: Pick<Asked, 'tokens'>): void {
    const reserved = this.#open.get(id);
    if (reserved === undefined || tokens >= reserved.tokens) return;
    this.#left = plus(this.#left, { ...noParts, tokens: reserved.tokens - tokens });
    this.#open.set(id, { ...reserved, tokens });
  }

  settle(id: string, { tokens, now }: Pick<Asked, 'tokens' | 'now'>): boolean {
    const reserved = this.#open.get(id);
    if (reserved === undefined) return false;
    this.#open.delete(id);
    this.#left = plus(this.#left, { requests: 0, tokens: reserved.tokens - tokens, slots: 1 });
    const { requests, tokens: before, budget } = this.#used;
    const ofMonth = monthOf(reserved.at) === monthOf(now) ? tokens : 0;
    this.#used = { requests: requests + 1, tokens: before + tokens, budget: budget + ofMonth };
    return true;
  }

  /** Only a refusal of the home that is still known. */
  refusal(_: Limits, now: number): Exceeded | undefined {
    return this.#known(0, now);
  }

  read(_: Limits): Readings {
    const { requests, tokens } = this.#readings;
    const withLeft = (reading: Reading, left: number) => {
      const remaining = reading.remaining + Math.max(0, Math.floor(left));
      return { ...reading, remaining: Math.min(reading.limit, remaining) };
    };
    return {
      ...(requests && { requests: withLeft(requests, this.#left.requests) }),
      ...(tokens && { tokens: withLeft(tokens, this.#left.tokens) }),
    };
  }

  /** Tells the home what was used, and gives back what is hardly needed. */
  async renew(now: number): Promise<void> {
    while (this.#asking !== undefined) await this.#asking.catch(() => {});
    if (this.#limits !== null) await this.#ask(noParts, this.#limits, { now, takesMore: false });
  }

  /** Takes the parts from the lease, and calls `note` in the same turn. Asks the home if they do not fit. */
  async #take(parts: Parts, limits: Limits, now: number, note: () => void): Promise<Exceeded | undefined> {
    this.#limits = limits;
    if (this.#askedAt === 0) this.#askedAt = now;
    for (;;) {
      if (this.#fits(parts, limits, now)) {
        this.#left = minus(this.#left, parts);
        this.#taken = plus(this.#taken, parts);
        note();
        this.#askAhead(limits, now);
        return undefined;
      }
      const known = this.#known(parts.tokens, now);
      if (known !== undefined) return known;
      if (this.#asking !== undefined) {
        await this.#asking.catch(() => {});
        continue;
      }
      const { exceeded } = await this.#ask(parts, limits, { now, takesMore: true });
      if (exceeded === undefined) continue;
      this.#refused = { exceeded, asked: parts.tokens, until: now + Math.min(REFUSED_MS, exceeded.retryMs) };
      return exceeded;
    }
  }

  #fits({ requests, tokens, slots }: Parts, limits: Limits, now: number): boolean {
    const { rpm, tpm, concurrency, budget } = limits;
    if (isUnlimited(limits)) return true;
    if (now >= this.#until) return false;
    return (
      (rpm === null || this.#left.requests >= requests) &&
      ((tpm === null && budget === null) || this.#left.tokens >= tokens) &&
      (concurrency === null || this.#left.slots >= slots)
    );
  }

  #known(tokens: number, now: number): Exceeded | undefined {
    const refused = this.#refused;
    return refused !== undefined && now < refused.until && tokens >= refused.asked
      ? refused.exceeded
      : undefined;
  }

  /** Asks the home before the lease is used up or ends. */
  #askAhead(limits: Limits, now: number): void {
    if (this.#asking !== undefined || now < this.#poorUntil || isUnlimited(limits)) return;
    const { rpm, tpm, budget } = limits;
    const { requests, tokens } = this.#left;
    const isLow =
      (rpm !== null && requests < this.#taken.requests) ||
      ((tpm !== null || budget !== null) && tokens < this.#taken.tokens / KEPT);
    if (now < this.#until - LEASE_MS / 2 && !isLow) return;
    this.#poorUntil = now + POOR_MS;
    this.#ask(noParts, limits, { now, takesMore: true }).then(({ granted }) => {
      if (granted.requests + granted.tokens + granted.slots > 0) this.#poorUntil = 0;
    }, this.#options.onFailure);
  }

  /** Must be called only while no other call is under way. Otherwise the second call would not tell what the first one brings. */
  #ask(
    asked: Parts,
    limits: Limits,
    { now, takesMore }: { now: number; takesMore: boolean },
  ): Promise<Lease> {
    const { place, askHome } = this.#options;
    // What was lent earlier and has expired belongs to the home again.
    if (now >= this.#until) this.#left = noParts;
    else if (!takesMore) this.#left = least(this.#left, times(this.#taken, KEPT));
    this.#taken = noParts;
    this.#askedAt = now;
    this.#isUnsure = true;
    const left = this.#left;
    const request = { place, used: this.#used, ...this.#openParts(now), left, asked, takesMore };
    const asking = askHome(request, limits).then((lease) => {
      this.#isUnsure = false;
      this.#left = plus(this.#left, lease.granted);
      this.#until = lease.until;
      this.#readings = lease.readings;
      return lease;
    });
    this.#asking = asking;
    const done = () => {
      this.#asking = undefined;
    };
    asking.then(done, done);
    return asking;
  }

  /** What the open requests may still use: those of this month, and those of earlier ones. */
  #openParts(now: number): { open: Parts; earlier: Parts } {
    const sums = { open: noParts, earlier: noParts };
    for (const { tokens, at } of this.#open.values()) {
      const kind = monthOf(at) === monthOf(now) ? 'open' : 'earlier';
      sums[kind] = plus(sums[kind], { requests: 1, tokens, slots: 1 });
    }
    return sums;
  }
}

function isUnlimited({ rpm, tpm, concurrency, budget }: Limits): boolean {
  return rpm === null && tpm === null && concurrency === null && budget === null;
}

function times({ requests, tokens, slots }: Parts, by: number): Parts {
  return { requests: by * requests, tokens: by * tokens, slots: by * slots };
}
