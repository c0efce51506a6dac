// Judges whether a shard answers its calls. Decode calls, prefill calls and golden rows are judged separately, because a shard may
// answer one kind and not another. Pure; the caller gives the time.
import type { RpcErrorCode } from '../../rpc/errors.ts';

/** A call that ended without rows. */
export interface Unanswered {
  kind: CallKind;
  code: RpcErrorCode;
  sentAt: number;
  now: number;
}

/** Default of the silent time. If no call of a kind is answered for this time while one waits, the shard is unresponsive. */
export const SILENT_MS = 8_000;
/** A shard that refuses all calls for this multiple of the silent time is unresponsive. An overloaded shard would answer some. */
const REFUSING_FACTOR = 4;
/** A shard counts as unresponsive only after at least this many refused calls in a row. */
const LEAST_REFUSALS = 5;
/** Share of the calls that may time out while other calls are answered. */
const TIMEOUT_SHARE = 0.05;
/** Most timeouts beyond `TIMEOUT_SHARE`. With one more, the shard is unresponsive. */
const MOST_DEBT = 3;
/** A timeout counts towards `TIMEOUT_SHARE` only if the call waited at least this part of the silent time. */
const LEAST_WAIT_SHARE = 1 / 3;

/** Error codes of calls that a shard refuses. */
const refusals: ReadonlySet<RpcErrorCode> = new Set([
  'busy',
  'not_held',
  'invalid',
  'unknown_method',
  'incompatible',
  'unproven',
  'needed',
]);

export class Responses {
  readonly #silentMs: number;
  #since = Number.NEGATIVE_INFINITY;
  readonly #of = { decode: noCalls(), bulk: noCalls(), golden: noCalls() };

  constructor(silentMs = SILENT_MS) {
    this.#silentMs = silentMs;
  }

  /** To be called for each call that is sent. Returns a function to call when the call has ended. */
  begin(kind: CallKind, sentAt: number): () => void {
    const call = { sentAt };
    const { open } = this.#of[kind];
    open.add(call);
    return () => open.delete(call);
  }

  get anyOpen(): boolean {
    return Object.values(this.#of).some(({ open }) => open.size > 0);
  }

  /** Judges the calls in flight: why the shard is unresponsive, or undefined if it is not. */
  overdue(now: number): string | undefined {
    for (const kind of callKinds) {
      const { open, answeredAt, silentFrom } = this.#of[kind];
      const [oldest] = open;
      if (oldest === undefined) continue;
      const forMs = now - Math.min(silentFrom, Math.max(oldest.sentAt, answeredAt));
      if (forMs >= this.#silentMs) return silence(kind, forMs);
    }
    return undefined;
  }

  /** To be called for a call that was answered with rows. */
  answered(kind: CallKind, now: number): void {
    const standing = this.#of[kind];
    standing.answeredAt = now;
    standing.silentFrom = Number.POSITIVE_INFINITY;
    standing.refusedFrom = Number.POSITIVE_INFINITY;
    standing.refused = 0;
    standing.debt = Math.max(0, standing.debt - TIMEOUT_SHARE);
    standing.beaten = 0;
  }

  /** Judges a call that ended without rows: why the shard is unresponsive, or undefined if it is not. */
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
   * To be called when another shard has answered a call first. Returns true if this happens at least twice in a row and there is
   * no probe yet: the call should then run on as a probe. If all calls of a shard were cancelled, none would ever time out.
   */
  startProbe(kind: CallKind): boolean {
    const standing = this.#of[kind];
    if (++standing.beaten < 2 || standing.isProbed) return false;
    standing.isProbed = true;
    return true;
  }

  endProbe(kind: CallKind): void {
    this.#of[kind].isProbed = false;
  }

  /** Forgets all calls. Those that were sent before `now` do not count any more. */
  reset(now: number): void {
    this.#since = now;
    for (const kind of callKinds) this.#of[kind] = noCalls();
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

/** The record of the calls of one kind, before the first call. */
function noCalls() {
  return {
    /** Calls in flight, oldest first. */
    open: new Set<{ sentAt: number }>(),
    /** When the last answer came. */
    answeredAt: Number.NEGATIVE_INFINITY,
    /** Send time of the first call that has timed out since the last answer. */
    silentFrom: Number.POSITIVE_INFINITY,
    /** Send time of the first call that was refused since the last answer. */
    refusedFrom: Number.POSITIVE_INFINITY,
    /** Calls refused since the last answer. */
    refused: 0,
    /** Timeouts beyond `TIMEOUT_SHARE`. */
    debt: 0,
    /** Calls in a row that another shard answered first. */
    beaten: 0,
    isProbed: false,
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
