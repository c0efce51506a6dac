// What is counted of a shard.

/** Since the start. */
export interface ShardCounters {
  /** Frames sent. */
  calls: number;
  /** (row, expert) pairs asked for. */
  rows: number;
  failures: number;
  /** Connections made after the first. */
  reconnects: number;
  /** Of rows, without framing. */
  bytesSent: number;
  bytesReceived: number;
  /** Golden rows asked for. */
  goldenRows: number;
  cordons: number;
  bans: number;
  /** Calls and golden rows that were not answered in time. */
  timeouts: number;
  /** Times that it was taken out because it did not answer. */
  silences: number;
}

export function noCounters(): ShardCounters {
  return {
    calls: 0,
    rows: 0,
    failures: 0,
    reconnects: 0,
    bytesSent: 0,
    bytesReceived: 0,
    goldenRows: 0,
    cordons: 0,
    bans: 0,
    timeouts: 0,
    silences: 0,
  };
}

export function sumOf(all: readonly ShardCounters[]): ShardCounters {
  const sum = noCounters();
  for (const counters of all) {
    for (const name of Object.keys(sum) as (keyof ShardCounters)[]) sum[name] += counters[name];
  }
  return sum;
}
