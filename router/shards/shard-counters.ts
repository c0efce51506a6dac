// The counters of a shard, from the start of the gateway.

export interface ShardCounters {
  /** Frames sent. */
  calls: number;
  /** Pairs of a row and an expert that were sent. */
  rows: number;
  failures: number;
  /** Connections after the first. */
  reconnects: number;
  /** Bytes of rows, without framing. */
  bytesSent: number;
  bytesReceived: number;
  /** Golden rows sent. */
  goldenRows: number;
  cordons: number;
  bans: number;
  /** Calls and golden rows that missed their deadline. */
  timeouts: number;
  /** How often the shard became unresponsive. */
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
