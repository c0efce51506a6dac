// Compares a run of the check with its prediction. Pure.
import { mean, percentile } from '../statistics.ts';

/** State of the cell at a second: replicas of gateways, then of each group, and the longest queue. */
export interface CheckSample {
  second: number;
  current: readonly number[];
  ready: readonly number[];
  queueSeconds: number;
}

export interface Track {
  samples: readonly CheckSample[];
  /** Seconds that each request waited for a gateway to admit it, and seconds from then to its end. */
  waits: readonly number[];
  runs: readonly number[];
}

export interface Comparison {
  /** Of each kind of pod: mean absolute difference of the replicas that were asked for, and of those that were ready. */
  current: number[];
  ready: number[];
  /** Mean number of each kind of pod that was asked for: predicted and measured. */
  means: { predicted: number; measured: number }[];
  queue: { meanDifference: number; predictedP99: number; measuredP99: number };
  /** Mean seconds from admission to end. */
  run: { predicted: number; measured: number };
  wait: { predictedP50: number; measuredP50: number; predictedP99: number; measuredP99: number };
}

/** Samples are paired by their second. Seconds that only one of the tracks has do not count. */
export function compare(predicted: Track, measured: Track): Comparison {
  const bySecond = new Map(predicted.samples.map((sample) => [sample.second, sample]));
  const pairs = measured.samples.flatMap((sample) => {
    const other = bySecond.get(sample.second);
    return other === undefined ? [] : [[other, sample] as const];
  });
  if (pairs.length === 0) throw new Error('the prediction and the run have no second in common');
  const kinds = measured.samples[0]?.current.map((_, kind) => kind) ?? [];
  const difference = (of: (sample: CheckSample) => number) =>
    mean(pairs.map(([a, b]) => Math.abs(of(a) - of(b))));
  const queues = (track: Track) => track.samples.map(({ queueSeconds }) => queueSeconds);
  return {
    current: kinds.map((kind) => difference(({ current }) => current[kind] ?? 0)),
    ready: kinds.map((kind) => difference(({ ready }) => ready[kind] ?? 0)),
    means: kinds.map((kind) => ({
      predicted: mean(pairs.map(([a]) => a.current[kind] ?? 0)),
      measured: mean(pairs.map(([, b]) => b.current[kind] ?? 0)),
    })),
    queue: {
      meanDifference: difference(({ queueSeconds }) => queueSeconds),
      predictedP99: percentile(queues(predicted), 0.99),
      measuredP99: percentile(queues(measured), 0.99),
    },
    run: { predicted: mean(predicted.runs), measured: mean(measured.runs) },
    wait: {
      predictedP50: percentile(predicted.waits, 0.5),
      measuredP50: percentile(measured.waits, 0.5),
      predictedP99: percentile(predicted.waits, 0.99),
      measuredP99: percentile(measured.waits, 0.99),
    },
  };
}
