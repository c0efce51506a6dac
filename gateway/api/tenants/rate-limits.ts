// Admits the requests of each key by the key's limits, and counts what the key has used in this process.
//
// A request that is passed on to a peer counts in both gateways. A client therefore gains nothing by forging
// the header that marks such requests.
import type { StoredKey } from './keys.ts';
import { type Bucket, fullBucket, type Reading, readBucket, taken, waitFor } from './rate-buckets.ts';

export type LimitKind = 'requests' | 'tokens' | 'concurrency';

/** The limit that does not allow a request. */
export interface Exceeded {
  kind: LimitKind;
  limit: number;
  /** How much the request asked for. */
  asked: number;
  /** Time until the request may be repeated. Infinity: the request is larger than the limit itself. */
  retryMs: number;
}

/** One request of a key. */
export interface Turn {
  /** Counts the prompt before any work on it. Undefined: the request may continue. */
  prompt(tokens: number): Exceeded | undefined;
  /** Counts tokens that came from the engine. */
  generated(tokens: number): void;
  /** Ends the turn. Called when the request is over, however it ended. */
  end(): void;
}

export interface RateLimits {
  /** Counts the request, or returns the limit that refuses it. */
  begin(key: StoredKey): { turn: Turn } | { exceeded: Exceeded };
  /** The state of the limits that the key has. */
  read(key: StoredKey): { requests?: Reading; tokens?: Reading };
}

interface Use {
  requests: Bucket;
  tokens: Bucket;
  open: number;
}

/**
 * Retry time when the limit of concurrent requests is reached. It is fixed, because it is not known when one
 * of the requests ends. Milliseconds.
 */
const PLACE_MS = 1_000;

export function createRateLimits(now: () => number = () => performance.now()): RateLimits {
  /**
   * The use of each key by name, so that a key that replaces another of the same name keeps its use. The
   * names in the file of keys bound the size.
   */
  const uses = new Map<string, Use>();

  function useOf({ name, rpm = 0, tpm = 0 }: StoredKey): Use {
    const at = now();
    const use = uses.get(name) ?? { requests: fullBucket(rpm, at), tokens: fullBucket(tpm, at), open: 0 };
    uses.set(name, use);
    return use;
  }

  function begin(key: StoredKey): { turn: Turn } | { exceeded: Exceeded } {
    const { rpm, tpm, concurrency } = key;
    const use = useOf(key);
    if (concurrency !== undefined && use.open >= concurrency) {
      return { exceeded: { kind: 'concurrency', limit: concurrency, asked: 1, retryMs: PLACE_MS } };
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
        // An answer has at least one token, so a key that owes tokens waits even with an empty prompt.
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

  return {
    begin,
    read(key) {
      const { rpm, tpm } = key;
      const use = useOf(key);
      return {
        ...(rpm !== undefined && { requests: readBucket(use.requests, rpm, now()) }),
        ...(tpm !== undefined && { tokens: readBucket(use.tokens, tpm, now()) }),
      };
    },
  };
}
