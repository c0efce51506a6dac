// What the life of a shard consists of, as a gateway sees it: states, events and actions. The rules are in lifecycle.ts.
import { type Conduct, goodConduct } from './backoff.ts';
import type { Pace } from './pace.ts';
import type { ShardCounters } from './shard-counters.ts';
import type { Unit } from './units.ts';

/**
 * `away`: not connected. `banned`: not connected and not tried for a while, because the connection was lost too often.
 * `validating`: connected, its answers are being compared with the bundle's golden rows. `available`: gets calls. `draining`:
 * leaves service and still answers its calls. `cordoned`: has answered wrongly. `unresponsive`: is connected and does not
 * answer calls. `retired`: no longer a member.
 */
export type ShardState =
  | 'away'
  | 'banned'
  | 'validating'
  | 'available'
  | 'draining'
  | 'cordoned'
  | 'unresponsive'
  | 'retired';

/** What a connected shard is compared with: the bundle's golden rows, nothing (any answer is right), or it is not asked. */
export type Check = 'golden' | 'any' | 'none';

/** A connected shard. */
export interface Peer {
  /** Of its process: a cordon and a rest outlast a connection to the same process. */
  readonly instance: string;
  readonly check: Check;
  /** For the log. */
  readonly numericsClass: string;
  readonly standby: boolean;
}

/** `needed`: some unit that it held has no other holder, so it is not left alone for long. `random` is in [0, 1). */
export type ShardEvent =
  | { type: 'connected'; peer: Peer }
  /** `misfit`: it was reached and does not fit. `sibling`: it serves only other models of this gateway. */
  | { type: 'unreached'; why: Unreached; message: string; random: number; longestMs: number }
  | { type: 'lost'; message: string; random: number }
  /** Golden rows were answered rightly. */
  | { type: 'passed' }
  /** An answer differs from a replica's or from a golden row. */
  | { type: 'wrong'; reason: string; suspects: readonly Unit[] }
  /** It failed a call or gave a number that is not finite. The row may be to blame as well as the shard. */
  | { type: 'suspected'; reason: string; suspects: readonly Unit[] }
  /** Calls, or golden rows, were not answered in time. */
  | { type: 'unanswered'; reason: string }
  /** The shard says that it is leaving. */
  | { type: 'leaving' }
  /** The time that a `wake` action asked for has come. */
  | { type: 'time'; needed: boolean; random: number }
  | { type: 'removed' };

export type Unreached = 'silent' | 'misfit' | 'sibling';

export type Action =
  | { do: 'log'; level: 'info' | 'warn'; message: string }
  | { do: 'count'; what: keyof ShardCounters }
  /** What it can be called for, or whether it is connected, has changed. */
  | { do: 'tell' }
  | { do: 'dial'; afterMs: number }
  /** Closes the connection, which is not used. */
  | { do: 'hangUp' }
  /** Feeds the event `time` later, or at once if `afterMs` is 0. Replaces an earlier `wake` or `dial`. */
  | { do: 'wake'; afterMs: number }
  /** Asks for the units of `suspects`, for `sample` others, and then for one unit after another. */
  | { do: 'check'; check: 'golden' | 'any'; suspects: readonly Unit[]; sample: number }
  /** Calls that were sent before no longer tell whether it answers. */
  | { do: 'forgetCalls' };

export interface Life {
  readonly state: ShardState;
  readonly pace: Pick<Pace, 'firstCordonMs' | 'firstRestMs'>;
  /** Attempts in a row that did not reach it. */
  readonly failures: number;
  readonly connections: number;
  /** Defined while it is connected. */
  readonly peer: Peer | undefined;
  readonly conduct: Conduct;
  /** `ms` is 0 if no ban is due. */
  readonly ban: { readonly ms: number; readonly untilMs: number };
  /** `accused`: it has answered wrongly; otherwise it is only suspected. */
  readonly cordon: { readonly untilMs: number; readonly instance: string; readonly accused: boolean };
  /** `untold`: why, until that is in the log. */
  readonly rest: {
    readonly fromMs: number;
    readonly untilMs: number;
    readonly instance: string;
    readonly untold?: string | undefined;
  };
  /** Units of wrong answers; they are checked first. */
  readonly suspects: readonly Unit[];
}

export interface Step {
  life: Life;
  actions: Action[];
}

export function newLife(pace: Life['pace']): Life {
  return {
    state: 'away',
    pace,
    failures: 0,
    connections: 0,
    peer: undefined,
    conduct: goodConduct,
    ban: { ms: 0, untilMs: 0 },
    cordon: { untilMs: 0, instance: '', accused: false },
    rest: { fromMs: 0, untilMs: 0, instance: '' },
    suspects: [],
  };
}
