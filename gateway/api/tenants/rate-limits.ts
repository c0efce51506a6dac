// What each key has used of its limits, in this process, and the admission of its requests. Knows no HTTP.
//
// A request counts once in each gateway that it passes: where it arrives, and, handed on to a peer, there as well. So the
// header by which a peer marks it buys nothing from whoever forges it.
import type { StoredKey } from './keys.ts';
import { type Bucket, fullBucket, type Reading, readBucket, taken, waitFor } from './rate-buckets.ts';

export type LimitKind = 'requests' | 'tokens' | 'concurrency';

/** Which limit does not allow a request. */
export interface Exceeded {
  kind: LimitKind;
  limit: number;
  /** How much the request asked for. */
  asked: number;
  /** When it may be asked again; Infinity: never, it is larger than the limit. */
  retryMs: number;
}

/** One request of a key. */
export interface Turn {
  /** Asked before any work on the prompt; undefined: it may go on, and is counted. */
  prompt(tokens: number): Exceeded | undefined;
  /** Tokens came from the engine. */
  generated(tokens: number): void;
  /** The request is over, however it ended. */
  end(): void;
}

export interface RateLimits {
  /** Counts the request, or says why it may not be made. */
  begin(key: StoredKey): { turn: Turn } | { exceeded: Exceeded };
  /** Of the limits that the key has. */
  read(key: StoredKey): { requests?: Reading; tokens?: Reading };
}

interface Use {
  requests: Bucket;
  tokens: Bucket;
  open: number;
}

/** How soon a place among a key's requests may be free is not known. Milliseconds. */
const PLACE_MS = 1_000;

export function createRateLimits(now: () => number = () => performance.now()): RateLimits {
  /** By name: a key that is made anew keeps its owner's use. As many as there were names in the file of keys. */
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
        // An answer has a token at least: whoever owes some waits, however short the prompt.
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
