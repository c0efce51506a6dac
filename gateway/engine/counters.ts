// Counters of an engine and its fleet since the engine started. /metrics names each `expertgrid_engine_<name>_total`.
import type { Rung } from '../../router/delivery/ladder.ts';
import type { Fleet } from '../../router/fleet.ts';

export type Counters = ReturnType<typeof createCounters>;

export function createCounters() {
  return {
    steps: 0,
    micro_batches: 0,
    step_rows: 0,
    prompt_tokens: 0,
    generated_tokens: 0,
    failed_sequences: 0,
    aborted_sequences: 0,
    preempted_sequences: 0,
    cached_prompt_tokens: 0,
    /** Positions whose keys and values came from another gateway. */
    received_positions: 0,
    /** Draft tokens. */
    guessed_tokens: 0,
    /** Draft tokens that were equal to the sampled ones. */
    kept_guesses: 0,
    /** Experts' answers that came from shards of other zones. */
    remote_hops: 0,
  };
}

export function fleetCounters({ counters, calls }: Fleet): Record<string, number> {
  return {
    expert_calls: counters.calls,
    expert_rows: counters.rows,
    in_process_expert_rows: counters.rowsHere,
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

/** `hops` has, for each rung of the degradation ladder, the number of experts' answers that the rung replaced. */
export function hopCounters(hops: Readonly<Record<Rung, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(hops).map(([rung, count]) => [`degraded_hops_${rung}`, count]));
}
