// How many micro-batches a step is cut into: while one waits for its experts, another computes its attention. Each reads
// the dense weights again, so it pays only where the wait is long; what pays is measured. Pure; knows no clock.

/** Most micro-batches in flight. */
const MOST = 8;
/** One micro-batch that is idle for a smaller share of its step has nothing to hide. */
const LEAST_IDLE = 0.15;
/** Another number must be faster by this factor to be taken. */
const WORTH = 0.97;
/** Steps that are judged by their median. */
const RECENT = 5;
/** Steps between two trials of another number; doubles while trials fail. */
const FIRST_PAUSE = RECENT;
const LONGEST_PAUSE = 1024;
/** Steps of a trial; the first is not counted. */
const TRIAL = 4;

interface Tuning {
  best: number;
  /** Milliseconds of the last steps with `best`. */
  recent: number[];
  pause: number;
  /** Steps until the next trial. */
  wait: number;
  /** Milliseconds of its steps so far. */
  trial: { batches: number; ms: number[] } | undefined;
  /** Which way the next trial goes. */
  up: boolean;
}

export interface StepTiming {
  /** Sequences in the step. */
  sequences: number;
  batches: number;
  ms: number;
  /** Of `ms`, how long this thread had nothing to do. */
  idleMs: number;
}

export class MicroBatches {
  /** By the power of two that the number of sequences reaches. */
  readonly #tunings = new Map<number, Tuning>();

  choose(sequences: number): number {
    const { best, trial } = this.#of(sequences);
    return Math.min(trial?.batches ?? best, sequences);
  }

  learn({ sequences, batches, ms, idleMs }: StepTiming): void {
    const tuning = this.#of(sequences);
    const { trial } = tuning;
    if (trial === undefined) {
      tuning.recent = [...tuning.recent.slice(1 - RECENT), ms];
      const busy = batches === 1 && idleMs < LEAST_IDLE * ms;
      if (!busy && --tuning.wait <= 0) this.#try(tuning, sequences);
      return;
    }
    if (batches !== trial.batches) return;
    trial.ms.push(ms);
    if (trial.ms.length < TRIAL) return;
    const counted = trial.ms.slice(1);
    const better = median(counted) < WORTH * median(tuning.recent);
    if (better) {
      tuning.best = trial.batches;
      tuning.recent = counted;
    } else {
      tuning.up = !tuning.up;
    }
    tuning.pause = better ? FIRST_PAUSE : Math.min(2 * tuning.pause, LONGEST_PAUSE);
    tuning.wait = tuning.pause;
    tuning.trial = undefined;
  }

  #try(tuning: Tuning, sequences: number): void {
    const batches = tuning.up ? tuning.best * 2 : tuning.best / 2;
    if (batches >= 1 && batches <= Math.min(MOST, sequences)) tuning.trial = { batches, ms: [] };
    else {
      tuning.up = !tuning.up;
      tuning.wait = tuning.pause;
    }
  }

  #of(sequences: number): Tuning {
    const size = Math.ceil(Math.log2(Math.max(1, sequences)));
    let tuning = this.#tunings.get(size);
    if (tuning === undefined) {
      tuning = { best: 1, recent: [], pause: FIRST_PAUSE, wait: FIRST_PAUSE, trial: undefined, up: true };
      this.#tunings.set(size, tuning);
    }
    return tuning;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Cuts a step's spans into parts of about equal rows, in order. */
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
