// The load of a group of shards in simulated time: each shard is a queue with one server (M/M/1), in a closed system, because a gateway has
// only a few calls under way.
//
// Source of the formulas: L. Kleinrock, Queueing Systems, volume 1, section 3.2: with the utilisation u, u / (1 - u) calls are at a server
// on average, and the time of a call is exponential, so its 99th percentile is ln(100) times its mean.

/** Part of the calls that are faster than `p99Ms`. */
const PERCENTILE = 0.99;

export interface GroupLoad {
  /** Rows that the gateways want to send, by what the ready shards can compute. Above 1, gateways become slower. */
  utilisation: number;
  /** Calls at all shards of the group. */
  inFlight: number;
  meanMs: number;
  p99Ms: number;
}

export interface GroupDemand {
  rowsPerSecond: number;
  /** What the ready shards can compute. */
  capacity: number;
  shards: number;
  /** Time that a shard takes for a call. */
  callMs: number;
  /** Most calls that all gateways together have under way to the group. */
  mostCalls: number;
}

export function loadOf({ rowsPerSecond, capacity, shards, callMs, mostCalls }: GroupDemand): GroupLoad {
  if (rowsPerSecond === 0) return { utilisation: 0, inFlight: 0, ...timesOf(callMs, 0) };
  if (shards === 0) {
    return { utilisation: Number.POSITIVE_INFINITY, inFlight: mostCalls, ...timesOf(callMs, mostCalls) };
  }
  const utilisation = rowsPerSecond / capacity;
  const open = utilisation < 1 ? utilisation / (1 - utilisation) : Number.POSITIVE_INFINITY;
  const each = Math.min(open, mostCalls / shards);
  return { utilisation, inFlight: each * shards, ...timesOf(callMs, each) };
}

/** A call that finds `before` others takes the time of all of them and its own. */
function timesOf(callMs: number, before: number): Pick<GroupLoad, 'meanMs' | 'p99Ms'> {
  const meanMs = callMs * (1 + before);
  return { meanMs, p99Ms: -Math.log(1 - PERCENTILE) * meanMs };
}
