// Finds by measuring into how many micro-batches a step is best cut. While one micro-batch waits for its experts, another
// computes its attention. But each micro-batch reads the dense weights again, so cutting pays only if the wait is long. Pure.

/** Most micro-batches of a step. */
const MOST = 8;
/** If the thread is idle for less than this share of a step with one micro-batch, no larger number is tried. */
const LEAST_IDLE = 0.15;
/** A tried number of micro-batches becomes the best if its steps take less than this share of the time of the best so far. */
const WORTH = 0.97;
/** Steps between two trials of other numbers of micro-batches. The pause doubles after each failed trial. */
const FIRST_PAUSE = 6;
const LONGEST_PAUSE = 512;
/**
 * In a trial, steps with the tried number and steps with the best so far take turns, because a machine is not always equally fast.
 * Fewest and most such pairs, of which the first does not count, because it includes the change.
 */
const LEAST_PAIRS = 3;
const MOST_PAIRS = 32;
/** A trial ends before `MOST_PAIRS` when the mean ratio of its pairs is this many standard errors away from `WORTH`. */
const SURE = 2;

interface Trial {
  /** The tried number. */
  batches: number;
  /** Milliseconds of the step with the tried number whose partner is still to come. */
  ms: number | undefined;
  /** Logarithms of the time with the tried number divided by the time with the best, by pair. */
  ratios: number[];
}

interface Tuning {
  best: number;
  pause: number;
  /** Steps until the next trial. */
  wait: number;
  trial: Trial | undefined;
  /** Whether the next trial has twice as many micro-batches as `best`. Otherwise it has half as many. */
  up: boolean;
}

interface StepTiming {
  /** Sequences in the step. */
  sequences: number;
  ms: number;
  /** Time within `ms` for which this thread was idle. */
  idleMs: number;
}

export class MicroBatches {
  /** Tunings by the binary logarithm of the number of sequences, rounded up. */
  readonly #tunings = new Map<number, Tuning>();

  /** Micro-batches of the next step. */
  choose(sequences: number): number {
    const { best, trial } = this.#of(sequences);
    return Math.min(trial !== undefined && trial.ms === undefined ? trial.batches : best, sequences);
  }

  /** Learns from a step with the number of micro-batches that `choose` gave. */
  learn({ sequences, ms, idleMs }: StepTiming): void {
    const tuning = this.#of(sequences);
    const { trial } = tuning;
    if (trial === undefined) {
      const busy = tuning.best === 1 && idleMs < LEAST_IDLE * ms;
      if (!busy && --tuning.wait <= 0) this.#try(tuning, sequences);
      return;
    }
    if (trial.ms === undefined) {
      trial.ms = ms;
      return;
    }
    trial.ratios.push(Math.log(trial.ms / ms));
    trial.ms = undefined;
    const better = verdictOf(trial.ratios.slice(1));
    if (better === undefined) return;
    if (better) tuning.best = trial.batches;
    else tuning.up = !tuning.up;
    tuning.pause = better ? FIRST_PAUSE : Math.min(2 * tuning.pause, LONGEST_PAUSE);
    tuning.wait = tuning.pause;
    tuning.trial = undefined;
  }

  #try(tuning: Tuning, sequences: number): void {
    const batches = tuning.up ? tuning.best * 2 : tuning.best / 2;
    if (batches >= 1 && batches <= Math.min(MOST, sequences))
      tuning.trial = { batches, ms: undefined, ratios: [] };
    else {
      tuning.up = !tuning.up;
      tuning.wait = tuning.pause;
    }
  }

  #of(sequences: number): Tuning {
    const size = Math.ceil(Math.log2(Math.max(1, sequences)));
    let tuning = this.#tunings.get(size);
    if (tuning === undefined) {
      const pauses = { pause: FIRST_PAUSE, wait: FIRST_PAUSE };
      tuning = { best: 1, ...pauses, trial: undefined, up: true };
      this.#tunings.set(size, tuning);
    }
    return tuning;
  }
}

/** Whether the tried number is better; undefined if more pairs are needed to tell. */
function verdictOf(ratios: readonly number[]): boolean | undefined {
  if (ratios.length < LEAST_PAIRS) return undefined;
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  const squares = ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0);
  const error = Math.sqrt(squares / (ratios.length - 1) / ratios.length);
  const distance = mean - Math.log(WORTH);
  return ratios.length < MOST_PAIRS && Math.abs(distance) < SURE * error ? undefined : distance < 0;
}

/** Cuts spans into parts with about equally many rows, in order. */
export function cut<T extends { count: number }>(spans: readonly T[], parts: number): T[][] {
  const total = spans.reduce((sum, { count }) => sum + count, 0);
  const cuts: T[][] = [];
  let rows = 0;
  for (const span of spans) {
    const part = Math.min(Math.floor((rows * parts) / total), parts - 1);
    if (cuts.length === 0 || part > cuts.length - 1) cuts.push([]);
    cuts.at(-1)!.push(span);
    rows += span.count;
  }
  return cuts;
}
