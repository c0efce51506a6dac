// Whether a shard answers what it is asked: calls of generated rows, calls of bulk rows and golden rows, each by itself,
// because a shard may answer one kind and swallow another. Pure; time is given.
import type { RpcErrorCode } from '../../rpc/errors.ts';

/** How a call that brought no rows ended. */
export interface Unanswered {
  kind: CallKind;
  code: RpcErrorCode;
  sentAt: number;
  now: number;
}

/** Calls of one kind wait or have timed out for so long, and none was answered. Milliseconds. */
export const SILENT_MS = 8_000;
/** So many times as long where each was answered, but with a refusal: a shard that is overloaded lets some calls through. */
const REFUSING_FACTOR = 4;
const LEAST_REFUSALS = 5;
/** Of the calls, the share that may time out while others are answered. */
const TIMEOUT_SHARE = 0.05;
/** Timeouts beyond that share before the shard is taken out. */
const MOST_DEBT = 3;
/** A call that was given less than this part of that time says nothing by itself. */
const LEAST_WAIT_SHARE = 1 / 3;

/** Answers by which a shard says that it does not do what it is asked. */
const refusals: ReadonlySet<RpcErrorCode> = new Set([
  'busy',
  'not_held',
  'invalid',
  'unknown_method',
  'incompatible',
  'unproven',
  'needed',
]);

/** Of one kind. */
interface Standing {
  /** Calls under way, oldest first. */
  open: Set<{ sentAt: number }>;
  answeredAt: number;
  /** When the first of the calls was sent that have timed out since the last answer. */
  silentFrom: number;
  /** Likewise of those that were refused. */
  refusedFrom: number;
  refused: number;
  /** Timeouts beyond what the answers allow for. */
  debt: number;
  /** Calls given up in a row, as others answered sooner. */
  givenUp: number;
  /** One call is left running to see whether an answer comes. */
  watched: boolean;
}

export class Responses {
  readonly #silentMs: number;
  #since = Number.NEGATIVE_INFINITY;
  readonly #of: { [kind in CallKind]: Standing } = { decode: fresh(), bulk: fresh(), golden: fresh() };

  constructor(silentMs = SILENT_MS) {
    this.#silentMs = silentMs;
  }

  /** A call is sent. Returns what tells that it has ended, however it did. */
  begin(kind: CallKind, sentAt: number): () => void {
    const call = { sentAt };
    const { open } = this.#of[kind];
    open.add(call);
    return () => open.delete(call);
  }

  get anyOpen(): boolean {
    return Object.values(this.#of).some(({ open }) => open.size > 0);
  }

  /** Why the shard is to be taken out although calls are still under way; undefined where it is not. */
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

  /** A call brought its rows. */
  answered(kind: CallKind, now: number): void {
    const standing = this.#of[kind];
    standing.answeredAt = now;
    standing.silentFrom = Number.POSITIVE_INFINITY;
    standing.refusedFrom = Number.POSITIVE_INFINITY;
    standing.refused = 0;
    standing.debt = Math.max(0, standing.debt - TIMEOUT_SHARE);
    standing.givenUp = 0;
  }

  /** Why the shard is to be taken out, after a call that brought none; undefined where it is not. */
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
   * A call is given up because another shard answered sooner. True: it is the second in a row, and should be left running:
   * a shard whose every call is cancelled in time would never time out.
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

  /** The shard begins anew: it is connected again, or is back after a rest. Calls sent before say nothing any more. */
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
