// The states a gateway sees a shard in, and which may follow which. Pure: no clock, no connection.

/**
 * `away`: not connected. `banned`: not even tried for a while, for it was lost too often. `validating`: connected, its
 * answers are being checked against the bundle's golden rows. `available`: gets calls. `draining`: leaves service, may
 * end what it has. `cordoned`: has answered wrongly. `unresponsive`: is connected and does not answer calls. `retired`: no
 * longer a member.
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

export type ShardEvent =
  | 'connected'
  /** The connection broke. */
  | 'lost'
  /** Lost so often of late that it is left alone for a while. */
  | 'unstable'
  /** The ban, the cordon or the rest of an unresponsive shard has lasted long enough. */
  | 'paroled'
  /** The golden rows were answered rightly. */
  | 'proven'
  /** An answer was not finite, or differs from its replicas', or from a golden one. */
  | 'wrong'
  /** Calls, or golden rows, were not answered in time. */
  | 'unanswered'
  /** The shard says that it is leaving. */
  | 'leaving'
  | 'removed';

const transitions: Readonly<Record<ShardState, Partial<Record<ShardEvent, ShardState>>>> = {
  away: { connected: 'validating', unstable: 'banned', removed: 'retired' },
  banned: { paroled: 'away', removed: 'retired' },
  validating: {
    proven: 'available',
    wrong: 'cordoned',
    unanswered: 'unresponsive',
    lost: 'away',
    leaving: 'draining',
    removed: 'retired',
  },
  available: {
    wrong: 'cordoned',
    unanswered: 'unresponsive',
    lost: 'away',
    leaving: 'draining',
    removed: 'retired',
  },
  draining: { lost: 'away', removed: 'retired' },
  cordoned: { paroled: 'validating', lost: 'away', leaving: 'draining', removed: 'retired' },
  unresponsive: { paroled: 'validating', lost: 'away', leaving: 'draining', removed: 'retired' },
  retired: {},
};

/** The state after `event`, or undefined where the table does not allow it: the event then means nothing. */
export function transition(state: ShardState, event: ShardEvent): ShardState | undefined {
  return transitions[state][event];
}
