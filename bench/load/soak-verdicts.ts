// Judges the intervals of a soak: compares percentiles and the growth of memory with their targets. Pure.
import { type Verdict, verdict } from '../print.ts';
import { mean, percentile, sum } from '../statistics.ts';

export interface Interval {
  /** Time from the start of the soak to the end of the interval. */
  minutes: number;
  seconds: number;
  tokens: number;
  requests: { whole: number; left: number; error: number };
  /** Times between two tokens of a stream. Milliseconds. */
  gaps: number[];
  /** Times from sending a request to the first token of its stream. Milliseconds. */
  firstTokens: number[];
  memory: Memory;
}

/** Memory of all processes together at the end of the interval. Bytes. */
export interface Memory {
  /** Proportional set size: a page that n processes share counts 1/n in each. */
  pss: number;
  /** The part without a file behind it: heaps, buffers, keys and values. */
  anonymous: number;
  /** JavaScript's heap. Absent if /metrics does not have it. */
  heap?: number;
}

/** Allowed growth of anonymous memory in MB. If every request leaks memory, the growth exceeds this within half an hour. */
const GROWTH_MB = 32;
const GAP_RATIO = 1.25;
/** Higher than the target for gaps, because the 99th percentile of a few hundred times to first token varies more. */
const FIRST_TOKEN_RATIO = 1.5;

/**
 * Compares the last sixth of the soak with the second sixth. The first sixth is not used, because memory and caches are still
 * filling then. With 30 minutes, minutes 25 to 30 are compared with minutes 5 to 10.
 */
export function verdictsOf(intervals: readonly Interval[]): (Verdict & { unit: string })[] {
  const sixth = Math.max(1, Math.floor(intervals.length / 6));
  const settled = intervals.slice(sixth);
  const early = settled.slice(0, sixth);
  const late = settled.slice(-sixth);
  const errors = sum(intervals.map(({ requests }) => requests.error));
  const ratio = (pick: (interval: Interval) => number[]) =>
    percentile(late.flatMap(pick), 0.99) / percentile(early.flatMap(pick), 0.99);
  const gapRatio = ratio(({ gaps }) => gaps);
  const firstTokenRatio = ratio(({ firstTokens }) => firstTokens);
  return [
    { ...verdict('growth of anonymous memory once settled', growthOf(settled) / 1e6, GROWTH_MB), unit: 'MB' },
    { ...verdict('errors', errors, 0), unit: '' },
    { ...verdict('p99 gap of the last sixth / of the second sixth', gapRatio, GAP_RATIO), unit: 'x' },
    {
      ...verdict(
        'p99 first token of the last sixth / of the second sixth',
        firstTokenRatio,
        FIRST_TOKEN_RATIO,
      ),
      unit: 'x',
    },
  ];
}

/** Rise of the regression line through the samples of anonymous memory, from the first to the last. Bytes. */
export function growthOf(intervals: readonly Pick<Interval, 'minutes' | 'memory'>[]): number {
  const [first, last] = [intervals[0], intervals.at(-1)];
  if (first === undefined || last === undefined) return Number.NaN;
  const time = mean(intervals.map(({ minutes }) => minutes));
  const bytes = mean(intervals.map(({ memory }) => memory.anonymous));
  let covariance = 0;
  let variance = 0;
  for (const { minutes, memory } of intervals) {
    covariance += (minutes - time) * (memory.anonymous - bytes);
    variance += (minutes - time) ** 2;
  }
  return variance === 0 ? 0 : (covariance / variance) * (last.minutes - first.minutes);
}

/** A header line and a line for each interval. */
export function soakTable(intervals: readonly Interval[]): string {
  const head =
    'minute  tokens/s  whole  left  errors  gap p50  p99 ms  first p50  p99 ms  Pss MB  anonymous  heap';
  const rows = intervals.map(({ minutes, seconds, tokens, requests, gaps, firstTokens, memory }) =>
    [
      minutes.toFixed(1).padStart(6),
      (tokens / seconds).toFixed(1).padStart(8),
      String(requests.whole).padStart(5),
      String(requests.left).padStart(4),
      String(requests.error).padStart(6),
      percentile(gaps, 0.5).toFixed(1).padStart(7),
      percentile(gaps, 0.99).toFixed(1).padStart(6),
      percentile(firstTokens, 0.5).toFixed(0).padStart(9),
      percentile(firstTokens, 0.99).toFixed(0).padStart(6),
      megabytes(memory.pss).padStart(6),
      megabytes(memory.anonymous).padStart(9),
      (memory.heap === undefined ? '-' : megabytes(memory.heap)).padStart(4),
    ].join('  '),
  );
  return [head, ...rows].join('\n');
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
