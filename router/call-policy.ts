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
  /** Most calls of one row in one step, over all layers, that may go to shards of other zones. */
  remoteHops: Number.POSITIVE_INFINITY,
};

export type CallPolicy = typeof defaultPolicy;

const MOST_GROUPS = 64;

/** Call times by the distance of the shard. Beside near calls all far ones would look late, and beside runs in this thread all calls. */
export class LatencyGroups {
  /** Calls to other processes of this zone. */
  readonly near: Latencies;
  readonly #policy: CallPolicy;
  /** Calls in this thread (the key `here`) and to other zones (`zone NAME`). */
  readonly #others = new Map<string, Latencies>();

  constructor(policy: CallPolicy) {
    this.#policy = policy;
    this.near = newLatencies(policy);
  }

  of({ isHere, isNear, zone }: { isHere: boolean; isNear: boolean; zone: string | undefined }): Latencies {
    if (isNear && !isHere) return this.near;
    const group = isHere ? 'here' : `zone ${zone}`;
    const known = this.#others.get(group);
    if (known !== undefined) return known;
    const made = newLatencies(this.#policy);
    // A shard may name another zone each time it connects.
    if (this.#others.size === MOST_GROUPS) this.#others.clear();
    this.#others.set(group, made);
    return made;
  }
}

/** Calls that are late by chance should use half of the hedge budget. The other half is for a shard that becomes slow. */
function newLatencies({ hedgeBudget }: CallPolicy): Latencies {
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
