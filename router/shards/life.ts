// The types of a shard's lifecycle: states, events and actions. The rules are in lifecycle.ts.
import { type Conduct, goodConduct } from './backoff.ts';
import type { Pace } from './pace.ts';
import type { ShardCounters } from './shard-counters.ts';
import type { Unit } from './units.ts';

/**
 * `away`: not connected. `banned`: not connected, and not tried for a while because the connection was lost too often.
 * `validating`: connected, and its answers are being compared with the bundle's golden rows. `available`: gets calls.
 * `draining`: leaves service and still answers its calls. `cordoned`: gets no calls because an answer is, or may be, wrong.
 * `unresponsive`: rests (gets no calls) because it did not answer them. `retired`: no longer a member.
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

/** How a connected shard is checked: by golden rows, by whether it gives any answer, or not at all. */
export type Check = 'golden' | 'any' | 'none';

/** A connected shard. */
export interface Peer {
  /** Identifies the shard's process. A cordon or a rest goes on after a new connection to the same process. */
  readonly instance: string;
  readonly check: Check;
  /** For the log. */
  readonly numericsClass: string;
  readonly standby: boolean;
}

/** `random` is in [0, 1). */
export type ShardEvent =
  | { type: 'connected'; peer: Peer }
  /** An attempt to connect has failed. `longestMs`: see `Dials.longestMs`. */
  | { type: 'unreached'; why: Unreached; message: string; random: number; longestMs: number }
  | { type: 'lost'; message: string; random: number }
  /** Golden rows were answered correctly. */
  | { type: 'passed' }
  /** An answer differs from a replica's answer or from a golden row. */
  | { type: 'wrong'; reason: string; suspects: readonly Unit[] }
  /** The shard failed a call or gave a number that is not finite. Either the shard or a row is to blame. */
  | { type: 'suspected'; reason: string; suspects: readonly Unit[] }
  /** Calls or golden rows were not answered in time. */
  | { type: 'unanswered'; reason: string }
  /** The shard has announced that it is leaving. */
  | { type: 'leaving' }
  /** The time of a `wake` action has come. `needed`: a unit that the shard held has no other holder. */
  | { type: 'time'; needed: boolean; random: number }
  | { type: 'removed' };

/** `silent`: not reached. `misfit`: reached, but does not fit this gateway. `sibling`: serves only other models of the gateway. */
export type Unreached = 'silent' | 'misfit' | 'sibling';

export type Action =
  | { do: 'log'; level: 'info' | 'warn'; message: string }
  | { do: 'count'; what: keyof ShardCounters }
  /** Reports to the fleet that the shard's holdings, connection or state have changed. */
  | { do: 'tell' }
  | { do: 'dial'; afterMs: number }
  /** Closes a connection that is not used. */
  | { do: 'hangUp' }
  /** Feeds the event `time` after `afterMs`, or at once if it is 0. Replaces an earlier `wake` or `dial`. */
  | { do: 'wake'; afterMs: number }
  /** Checks the units `suspects` and a number of others (`sample`) together, and then one unit after another. */
  | { do: 'check'; check: 'golden' | 'any'; suspects: readonly Unit[]; sample: number }
  /** Calls that were sent before this action no longer count as unanswered. */
  | { do: 'forgetCalls' };

export interface Life {
  readonly state: ShardState;
  readonly pace: Pick<Pace, 'firstCordonMs' | 'firstRestMs'>;
  /** Attempts in a row that did not reach the shard. */
  readonly failures: number;
  /** Number of connections so far. */
  readonly connections: number;
  /** Defined while the shard is connected. */
  readonly peer: Peer | undefined;
  readonly conduct: Conduct;
  /** `ms`: length of the ban; 0 if no ban is due. */
  readonly ban: { readonly ms: number; readonly untilMs: number };
  /** `accused`: the shard has answered wrongly; false if it is only suspected. */
  readonly cordon: { readonly untilMs: number; readonly instance: string; readonly accused: boolean };
  /** `untold`: the reason, until it is written to the log. */
  readonly rest: {
    readonly fromMs: number;
    readonly untilMs: number;
    readonly instance: string;
    readonly untold?: string | undefined;
  };
  /** Units with wrong answers. They are checked first. */
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
