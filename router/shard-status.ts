// What people and metrics are told of one shard. Pure.
import type { ModelShape } from '../experts/wire/model.ts';
import { heldText } from './held-text.ts';
import type { ShardState } from './shards/life.ts';
import type { Shard } from './shards/shard.ts';
import type { ShardCounters } from './shards/shard-counters.ts';
import { unitsIn } from './shards/units.ts';

export interface ShardStatus {
  address: string;
  state: ShardState;
  /** When it came into this state; milliseconds since the epoch. */
  since: number;
  connected: boolean;
  /** Number of units that it can be called for now. */
  units: number;
  /** What it holds, written as for the flag --experts; while it is away, what it held when it was last connected. */
  experts: string;
  numericsClass: string | undefined;
  standby: boolean;
  /** Size of the weights that it holds; undefined if it is away or a standby, whose weights are of another precision. */
  weightBytes: number | undefined;
  /** Memory of its process; undefined while it is away, and for a shard in this process. */
  residentBytes: number | undefined;
  /** Calls in flight. */
  inFlight: number;
  /** Milliseconds that a call of decode rows is expected to take. */
  expectedMs: number;
  counters: ShardCounters;
}

/** `unitBytes`: size of one unit's weights in the gateway's bundle. */
export function statusOf(shard: Shard, model: ModelShape, unitBytes: number | undefined): ShardStatus {
  const { address, state, since, connected, numericsClass, standby, residentBytes, inFlight, lastHeld } =
    shard;
  const isWeighed = unitBytes !== undefined && !standby && connected;
  return {
    address,
    state,
    since,
    connected,
    units: unitsIn(shard.holdings),
    experts: heldText(lastHeld, model),
    numericsClass,
    standby,
    weightBytes: isWeighed ? unitBytes * unitsIn(lastHeld) : undefined,
    residentBytes,
    inFlight,
    expectedMs: shard.cost(),
    counters: { ...shard.counters },
  };
}
