// The counters of a shard, from the start of the gateway.

export function noCounters() {
  return {
    /** Frames sent. */
    calls: 0,
    /** Pairs of a row and an expert that were sent. */
    rows: 0,
    /** The part of `rows` that was computed in this thread. */
    rowsHere: 0,
    failures: 0,
    /** Connections after the first. */
    reconnects: 0,
    /** Bytes of rows that left this process, without framing. */
    bytesSent: 0,
    bytesReceived: 0,
    /** Golden rows sent. */
    goldenRows: 0,
    cordons: 0,
    bans: 0,
    /** Calls and golden rows that missed their deadline. */
    timeouts: 0,
    /** How often the shard became unresponsive. */
    silences: 0,
  };
}

export type ShardCounters = ReturnType<typeof noCounters>;

export function sumOf(all: readonly ShardCounters[]): ShardCounters {
  const sum = noCounters();
  for (const counters of all) {
    for (const name of Object.keys(sum) as (keyof ShardCounters)[]) sum[name] += counters[name];
  }
  return sum;
}
