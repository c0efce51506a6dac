// Applies the rate limits of each API key to its requests, and counts the use of the key in this process.
//
// A request that is passed on to another gateway counts in both. A client therefore gains nothing if it forges the header that
// marks such requests.
import { type Bucket, fullBucket, readBucket, taken, waitFor } from '../../../tenancy/rate-buckets.ts';
import type { Readings } from '../../../tenancy/rate-headers.ts';
import type { StoredKey } from './keys.ts';

export type LimitKind = 'requests' | 'tokens' | 'concurrency';

/** The limit that does not allow a request. */
export interface Exceeded {
  kind: LimitKind;
  limit: number;
  /** If `kind` is `tokens`, the number of tokens that the request needs, otherwise 1. */
  asked: number;
  /** Time until the request may be repeated. Infinity: the request has more tokens than a full bucket. */
  retryMs: number;
}

/** A counted request of a key. */
export interface Turn {
  /** Counts the tokens of the prompt before any work on it. Returns the limit that refuses them, or undefined. */
  prompt(tokens: number): Exceeded | undefined;
  /** Counts tokens that the engine has generated. */
  generated(tokens: number): void;
  /** Must be called when the request ends, even if it fails. Further calls have no effect. */
  end(): void;
}

interface Use {
  requests: Bucket;
  tokens: Bucket;
  open: number;
}

/** Retry time if a key reaches its limit of concurrent requests. It is fixed, because nobody knows when a request will end. */
const CONCURRENCY_RETRY_MS = 1_000;

export class RateLimits {
  readonly #now: () => number;
  /**
   * Each key's use, by the name of the key. A new key with the name of a revoked key continues that key's use. The file of keys
   * bounds the number of names.
   */
  readonly #uses = new Map<string, Use>();

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Counts a new request, or returns the limit that refuses it. */
  begin(key: StoredKey): { turn: Turn } | { exceeded: Exceeded } {
    const { rpm, tpm, concurrency } = key;
    const now = this.#now;
    const use = this.#useOf(key);
    if (concurrency !== undefined && use.open >= concurrency) {
      return {
        exceeded: { kind: 'concurrency', limit: concurrency, asked: 1, retryMs: CONCURRENCY_RETRY_MS },
      };
    }
    if (rpm !== undefined) {
      const retryMs = waitFor(use.requests, 1, rpm, now());
      if (retryMs > 0) return { exceeded: { kind: 'requests', limit: rpm, asked: 1, retryMs } };
      use.requests = taken(use.requests, 1, rpm, now());
    }
    use.open++;
    let ended = false;
    const take = (tokens: number) => {
      if (tpm !== undefined) use.tokens = taken(use.tokens, tokens, tpm, now());
    };
    const turn: Turn = {
      prompt(tokens) {
        if (tpm === undefined) return undefined;
        // An answer has at least one token, so a key that has overspent its tokens waits even with an empty prompt.
        const retryMs = waitFor(use.tokens, Math.max(tokens, 1), tpm, now());
        if (retryMs > 0) return { kind: 'tokens', limit: tpm, asked: tokens, retryMs };
        take(tokens);
        return undefined;
      },
      generated: take,
      end() {
        if (!ended) use.open--;
        ended = true;
      },
    };
    return { turn };
  }

  /** The state of the limits that the key has. */
  read(key: StoredKey): Readings {
    const { rpm, tpm } = key;
    const use = this.#useOf(key);
    return {
      ...(rpm !== undefined && { requests: readBucket(use.requests, rpm, this.#now()) }),
      ...(tpm !== undefined && { tokens: readBucket(use.tokens, tpm, this.#now()) }),
    };
  }

  #useOf({ name, rpm = 0, tpm = 0 }: StoredKey): Use {
    const at = this.#now();
    const use = this.#uses.get(name) ?? {
      requests: fullBucket(rpm, at),
      tokens: fullBucket(tpm, at),
      open: 0,
    };
    this.#uses.set(name, use);
    return use;
  }
}
