// How much may be spent on calls that are late, and on calls that are audited.
import { Quantile } from './delivery/latency.ts';
import type { Latencies } from './delivery/timing.ts';

export interface CallPolicy {
  /** Share of the calls that may be hedged: sent to a second shard because the first is late. */
  hedgeBudget: number;
  /** Share of the calls that are audited: asked of two shards, as far as both hold the rows, and compared. 1 audits all. */
  auditShare: number;
  /** How long a call waits for an expert that no shard serves now. */
  patienceMs: number;
}

/**
 * The patience outlasts a shard of `up` that is started again on a busy machine: up to 5 s before it is started, 4 s until
 * it listens (docs/benchmarks.md), up to 2 s until the gateway connects; and as much again.
 */
export const defaultPolicy: CallPolicy = { hedgeBudget: 0.05, auditShare: 0.001, patienceMs: 20_000 };

/** Half of the hedge budget is for calls that are late by chance, the other half for a shard that becomes slow. */
export function newLatencies({ hedgeBudget }: CallPolicy): Latencies {
  const late = 1 - (hedgeBudget || defaultPolicy.hedgeBudget) / 2;
  const quantiles = () => ({ median: new Quantile(0.5), late: new Quantile(late) });
  return { decode: quantiles(), prefill: quantiles() };
}

/** Calls since the start. */
export interface CallCounters {
  retried: number;
  hedged: number;
  hedgeWins: number;
  audited: number;
  mismatches: number;
}
