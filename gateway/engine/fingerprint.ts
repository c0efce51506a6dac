// Names what decides the bits of an answer (`system_fingerprint`), and names the fleet's counters for /metrics. Pure.
import { createHash } from 'node:crypto';
import type { Rung } from '../../router/delivery/ladder.ts';
import type { Fleet } from '../../router/fleet.ts';

/** Two fingerprints are equal if checkpoint, bundle and all numerics classes in use are equal. */
export function fingerprint(parts: {
  identity: string;
  content: string;
  dense: string;
  /** Numerics classes of the connected shards. */
  experts: readonly string[];
}): string {
  const { identity, content, dense, experts } = parts;
  const named = JSON.stringify([identity, content, dense, [...experts].sort()]);
  return `fp_${createHash('sha256').update(named).digest('hex').slice(0, 12)}`;
}

export function fleetCounters({ counters, calls }: Fleet): Record<string, number> {
  return {
    expert_calls: counters.calls,
    expert_rows: counters.rows,
    expert_call_failures: counters.failures,
    expert_bytes_sent: counters.bytesSent,
    expert_bytes_received: counters.bytesReceived,
    shard_reconnects: counters.reconnects,
    retried_calls: calls.retried,
    hedged_calls: calls.hedged,
    hedge_wins: calls.hedgeWins,
    audited_calls: calls.audited,
    mismatches: calls.mismatches,
    golden_rows: counters.goldenRows,
    cordons: counters.cordons,
    bans: counters.bans,
    call_timeouts: counters.timeouts,
    unresponsive_shards: counters.silences,
  };
}

export function hopCounters(hops: Readonly<Record<Rung, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(hops).map(([rung, count]) => [`degraded_hops_${rung}`, count]));
}
