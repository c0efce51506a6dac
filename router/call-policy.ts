// Limits of the calls to shards: how many hedges and audits are sent, and how long rows wait for a shard that is away.
import { Quantile } from './delivery/latency.ts';
import type { Latencies } from './delivery/timing.ts';

export const defaultPolicy = {
  /** Share of the calls, 0 to 1, that may be hedged: sent to a second shard because the first is late. */
  hedgeBudget: 0.05,
  /** Share of the calls, 0 to 1, that are audited: also sent to a second shard, to compare the two answers. */
  auditShare: 0.001,
  /**
   * How long a row waits for an expert that no shard serves now. On a busy machine, `expertgrid up` replaces a shard within
   * about 11 s: up to 5 s before it starts the process, 4 s until the process listens (docs/benchmarks.md), and up to 2 s until
   * the gateway connects. The default is about twice that time.
   */
  patienceMs: 20_000,
};

export type CallPolicy = typeof defaultPolicy;

/** Calls that are late by chance should use half of the hedge budget. The other half is for a shard that becomes slow. */
export function newLatencies({ hedgeBudget }: CallPolicy): Latencies {
  const late = 1 - (hedgeBudget || defaultPolicy.hedgeBudget) / 2;
  const quantiles = () => ({ median: new Quantile(0.5), late: new Quantile(late) });
  return { decode: quantiles(), prefill: quantiles() };
}

/** Numbers of calls since the start. */
export interface CallCounters {
  retried: number;
  hedged: number;
  hedgeWins: number;
  audited: number;
  mismatches: number;
}
