// Whether a shard answers its calls. Calls with decode rows, calls with prefill rows and golden rows are judged separately,
// because a shard may answer one kind and not another. Pure; time is given.
import type { RpcErrorCode } from '../../rpc/errors.ts';

/** A call that ended without rows. */
export interface Unanswered {
  kind: CallKind;
  code: RpcErrorCode;
  sentAt: number;
  now: number;
}

/** Default time after which a shard is unresponsive: calls of a kind have waited or timed out, and none was answered. */
export const SILENT_MS = 8_000;
/** If calls are refused instead, it takes so many times as long, because an overloaded shard lets some calls through. */
const REFUSING_FACTOR = 4;
const LEAST_REFUSALS = 5;
/** Share of the calls that may time out while others are answered. */
const TIMEOUT_SHARE = 0.05;
/** Timeouts beyond that share until the shard is unresponsive. */
const MOST_DEBT = 3;
/** A timeout counts towards that share only if the call waited at least this part of the silent time. */
const LEAST_WAIT_SHARE = 1 / 3;

/** Errors with which a shard refuses a call. */
const refusals: ReadonlySet<RpcErrorCode> = new Set([
  'busy',
  'not_held',
  'invalid',
  'unknown_method',
  'incompatible',
  'unproven',
  'needed',
]);

/** What is known of calls of one kind. */
interface Standing {
  /** Calls in flight, oldest first. */
  open: Set<{ sentAt: number }>;
  answeredAt: number;
  /** When the first call was sent that has timed out since the last answer. */
  silentFrom: number;
  /** When the first call was sent that has been refused since the last answer. */
  refusedFrom: number;
  refused: number;
  /** Timeouts beyond the allowed share. */
  debt: number;
  /** Calls given up in a row because another shard answered first. */
  givenUp: number;
  /** A call is being left running to see whether an answer comes. */
  watched: boolean;
}

export class Responses {
  readonly #silentMs: number;
  #since = Number.NEGATIVE_INFINITY;
  readonly #of: { [kind in CallKind]: Standing } = { decode: fresh(), bulk: fresh(), golden: fresh() };

  constructor(silentMs = SILENT_MS) {
    this.#silentMs = silentMs;
  }

  /** A call is sent. Returns a function to call when it has ended, with or without an answer. */
  begin(kind: CallKind, sentAt: number): () => void {
    const call = { sentAt };
    const { open } = this.#of[kind];
    open.add(call);
    return () => open.delete(call);
  }

  get anyOpen(): boolean {
    return Object.values(this.#of).some(({ open }) => open.size > 0);
  }

  /** Why the shard is unresponsive, judged by the calls in flight; undefined if it is not. */
  overdue(now: number): string | undefined {
    for (const kind of callKinds) {
      const { open, answeredAt, silentFrom } = this.#of[kind];
      const [oldest] = open; // they are sent in order
      if (oldest === undefined) continue;
      const forMs = now - Math.min(silentFrom, Math.max(oldest.sentAt, answeredAt));
      if (forMs >= this.#silentMs) return silence(kind, forMs);
    }
    return undefined;
  }

  /** A call was answered with rows. */
  answered(kind: CallKind, now: number): void {
    const standing = this.#of[kind];
    standing.answeredAt = now;
    standing.silentFrom = Number.POSITIVE_INFINITY;
    standing.refusedFrom = Number.POSITIVE_INFINITY;
    standing.refused = 0;
    standing.debt = Math.max(0, standing.debt - TIMEOUT_SHARE);
    standing.givenUp = 0;
  }

  /** Why the shard is unresponsive, after a call that ended without rows; undefined if it is not. */
  unanswered({ kind, code, sentAt, now }: Unanswered): string | undefined {
    const standing = this.#of[kind];
    if (sentAt < this.#since) return undefined;
    if (code === 'deadline') return this.#timedOut(kind, { sentAt, now });
    if (!refusals.has(code) || sentAt < standing.answeredAt) return undefined;
    standing.refused++;
    standing.refusedFrom = Math.min(standing.refusedFrom, sentAt);
    if (standing.refused < LEAST_REFUSALS || now - standing.refusedFrom < REFUSING_FACTOR * this.#silentMs)
      return undefined;
    return `all ${names[kind]} were refused for ${seconds(now - standing.refusedFrom)} s, the last with ${code}`;
  }

  #timedOut(kind: CallKind, { sentAt, now }: { sentAt: number; now: number }): string | undefined {
    const standing = this.#of[kind];
    if (sentAt >= standing.answeredAt) {
      standing.silentFrom = Math.min(standing.silentFrom, sentAt);
      const forMs = now - standing.silentFrom;
      if (forMs >= this.#silentMs) return silence(kind, forMs);
    }
    if (now - sentAt >= LEAST_WAIT_SHARE * this.#silentMs) standing.debt++;
    return standing.debt > MOST_DEBT ? `too many ${names[kind]} time out` : undefined;
  }

  /**
   * A call is given up because another shard answered first. True if it is the second in a row and should be left running,
   * because a shard whose calls are all cancelled in time would never time out.
   */
  givenUp(kind: CallKind): boolean {
    const standing = this.#of[kind];
    if (++standing.givenUp < 2 || standing.watched) return false;
    standing.watched = true;
    return true;
  }

  /** The call that was left running has ended. */
  watched(kind: CallKind): void {
    this.#of[kind].watched = false;
  }

  /** The shard is connected again or back after a rest: calls that were sent before no longer count. */
  reset(now: number): void {
    this.#since = now;
    for (const kind of callKinds) this.#of[kind] = fresh();
  }
}

function silence(kind: CallKind, forMs: number): string {
  return `no ${names[kind]} were answered for ${seconds(forMs)} s`;
}

const callKinds = ['decode', 'bulk', 'golden'] as const;

export type CallKind = (typeof callKinds)[number];

const names: { [kind in CallKind]: string } = {
  decode: 'calls of generated rows',
  bulk: 'calls of prompt rows',
  golden: 'golden rows',
};

function fresh(): Standing {
  return {
    open: new Set(),
    answeredAt: Number.NEGATIVE_INFINITY,
    silentFrom: Number.POSITIVE_INFINITY,
    refusedFrom: Number.POSITIVE_INFINITY,
    refused: 0,
    debt: 0,
    givenUp: 0,
    watched: false,
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
