// Counters of an engine since its start. /metrics names each `expertgrid_engine_<name>_total`.

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
    guessed_tokens: 0,
    kept_guesses: 0,
  };
}
