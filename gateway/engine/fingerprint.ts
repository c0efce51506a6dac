// Names what decides the bits of an answer (`system_fingerprint`), and counts of the fleet as /metrics has them. Pure.
import { createHash } from 'node:crypto';
import type { Fleet } from '../../router/fleet.ts';

/** Equal where checkpoint, bundle and every numerics class at work are. */
export function fingerprint(parts: {
  identity: string;
  content: string;
  dense: string;
  /** Classes of the connected shards. */
  experts: readonly string[];
}): string {
  const { identity, content, dense, experts } = parts;
  const named = JSON.stringify([identity, content, dense, [...experts].sort()]);
  return `fp_${createHash('sha256').update(named).digest('hex').slice(0, 12)}`;
}

export function fleetCounters({ counters }: Fleet): Record<string, number> {
  return {
    expert_calls: counters.calls,
    expert_rows: counters.rows,
    expert_call_failures: counters.failures,
    expert_bytes_sent: counters.bytesSent,
    expert_bytes_received: counters.bytesReceived,
    shard_reconnects: counters.reconnects,
  };
}
