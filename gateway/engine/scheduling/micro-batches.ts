// Finds by measuring into how many micro-batches a step is best cut. While one micro-batch waits for its experts, another
// computes its attention. But each micro-batch reads the dense weights again, so cutting pays only if the wait is long. Pure.

/** Most micro-batches of a step. */
const MOST = 8;
/** If the thread is idle for less than this share of a step with one micro-batch, no larger number is tried. */
const LEAST_IDLE = 0.15;
/** A tried number of micro-batches becomes the best if its steps take less than this share of the time of the best so far. */
const WORTH = 0.97;
/** Number of steps whose times are kept for each number of micro-batches. The medians of these times are compared. */
const RECENT = 12;
/** Steps between two trials of other numbers of micro-batches. The pause doubles after each failed trial. */
const FIRST_PAUSE = 6;
const LONGEST_PAUSE = 512;
/** Steps of a trial. The time of the first is not kept. */
const TRIAL = 6;
/** A trial that is slower than the best by this factor ends after `GLANCE` steps. */
const HOPELESS = 1.25;
const GLANCE = 3;

interface Tuning {
  best: number;
  /** Milliseconds of the last steps, by number of micro-batches. */
  recent: Map<number, number[]>;
  pause: number;
  /** Steps until the next trial. */
  wait: number;
  trial: { batches: number; steps: number } | undefined;
  /** Whether the next trial has twice as many micro-batches as `best`. Otherwise it has half as many. */
  up: boolean;
}

interface StepTiming {
  /** Sequences in the step. */
  sequences: number;
  batches: number;
  ms: number;
  /** Time within `ms` for which this thread was idle. */
  idleMs: number;
}

export class MicroBatches {
  /** Tunings by the binary logarithm of the number of sequences, rounded up. */
  readonly #tunings = new Map<number, Tuning>();

  choose(sequences: number): number {
    const { best, trial } = this.#of(sequences);
    return Math.min(trial?.batches ?? best, sequences);
  }

  learn({ sequences, batches, ms, idleMs }: StepTiming): void {
    const tuning = this.#of(sequences);
    const { trial } = tuning;
    const note = () =>
      tuning.recent.set(batches, [...(tuning.recent.get(batches) ?? []).slice(1 - RECENT), ms]);
    if (trial === undefined) {
      note();
      const busy = batches === 1 && idleMs < LEAST_IDLE * ms;
      if (!busy && --tuning.wait <= 0) this.#try(tuning, sequences);
      return;
    }
    if (batches !== trial.batches) return;
    if (++trial.steps > 1) note();
    const ratio = median(tuning.recent.get(batches)) / median(tuning.recent.get(tuning.best));
    if (trial.steps < (ratio > HOPELESS ? GLANCE : TRIAL)) return;
    const better = ratio < WORTH;
    if (better) tuning.best = batches;
    else tuning.up = !tuning.up;
    tuning.pause = better ? FIRST_PAUSE : Math.min(2 * tuning.pause, LONGEST_PAUSE);
    tuning.wait = tuning.pause;
    tuning.trial = undefined;
  }

  #try(tuning: Tuning, sequences: number): void {
    const batches = tuning.up ? tuning.best * 2 : tuning.best / 2;
    if (batches >= 1 && batches <= Math.min(MOST, sequences)) tuning.trial = { batches, steps: 0 };
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
      tuning = { best: 1, recent: new Map(), ...pauses, trial: undefined, up: true };
      this.#tunings.set(size, tuning);
    }
    return tuning;
  }
}

function median(values: readonly number[] = []): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
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
