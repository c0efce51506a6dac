// Decides whether and when a request is sent again. Pure, except for the random numbers that the caller passes.

/** Times that one request is sent before the first byte of an answer, and tries to continue a stream after one interruption. */
export const MOST_TRIES = 3;

/** A gateway that was lost after this time had begun to work on the request. The tries are then counted anew. */
const WORKED_MS = 1_000;
/** How often tries are counted anew before the first byte of an answer. The limit bounds the harm of a request that ends gateways. */
const MOST_RENEWALS = 8;

/** How often a continuation waits for a place in a full queue. */
const MOST_WAITS = 10;

const FIRST_BACKOFF_MS = 50;

/** Wait before repeat number `repeat`, which counts from 0: exponential, with full jitter. `random` is from 0 to 1. */
export function backoffMs(repeat: number, random: number): number {
  return random * FIRST_BACKOFF_MS * 2 ** repeat;
}

/** Repeats after error answers, as a share of all requests. */
export const REPEAT_SHARE = 0.1;
/** Requests that leave a region that is full, as a share of all requests. */
export const SPILL_SHARE = 0.25;
const MOST_SAVED = 10;

/**
 * Bounds the repeats of one kind to a share of the requests, so that repeats do not add to the load of gateways that fail because of
 * their load. Up to 10 unused repeats are saved.
 */
export class RepeatBudget {
  readonly #share: number;
  #saved = MOST_SAVED;

  constructor(share: number) {
    this.#share = share;
  }

  /** Called for each request of a client. */
  earn(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#share);
  }

  /** Whether one more repeat is allowed. */
  spend(): boolean {
    // Sums of 0.1 are inexact, so ten requests may earn slightly less than 1.
    if (this.#saved < 1 - 1e-9) return false;
    this.#saved = Math.max(0, this.#saved - 1);
    return true;
  }
}

/** Which gateways have failed a request, and how often it was sent. */
export class Tries<Gateway> {
  /** Gateways whose connection was lost, the latest one last. They may be asked again if no other is left. */
  readonly lost = new Set<Gateway>();
  /** Gateways that gave another error as their answer. They are not asked again. */
  readonly refused = new Set<Gateway>();
  /**
   * Gateways that leave service, or that answered 502, 503 or 504. They are asked again only if no other is left. Their address may be
   * that of a load balancer, behind which the next request can reach another gateway.
   */
  readonly unavailable = new Set<Gateway>();
  #sent = 0;
  #renewals = 0;
  #waits = 0;

  /** Notes that the gateway was lost after it had the request for `ms`. */
  lose(gateway: Gateway, ms: number): void {
    this.avoid(gateway);
    if (ms < WORKED_MS || this.#renewals === MOST_RENEWALS) return;
    this.#renewals++;
    this.#sent = 0;
  }

  /** From now on, all other gateways are preferred. */
  avoid(gateway: Gateway): void {
    this.lost.delete(gateway);
    this.lost.add(gateway);
  }

  /** Notes that the gateway cannot continue the stream, for example because it has another version. This is no failed try. */
  passOver(gateway: Gateway): void {
    this.refused.add(gateway);
    this.#sent--;
  }

  /** Whether the request may wait for a place in a full queue once more. Such a try does not count. */
  mayWait(): boolean {
    if (this.#waits === MOST_WAITS) return false;
    this.#waits++;
    this.#sent--;
    return true;
  }

  get left(): boolean {
    return this.#sent < MOST_TRIES;
  }

  /** The wait before the next try. */
  next(random: number): number {
    const waitMs = this.#sent === 0 ? 0 : backoffMs(this.#sent - 1, random);
    this.#sent++;
    return waitMs;
  }
}

/** Waits. Returns early if `signal` aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
