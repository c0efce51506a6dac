// Judges the intervals of a soak: percentiles and growth of memory, each against its target. Pure.

export interface Interval {
  /** Time of its end since the first interval. */
  minutes: number;
  seconds: number;
  tokens: number;
  requests: { whole: number; left: number; error: number };
  /** Between two tokens of a stream. Milliseconds. */
  gaps: number[];
  /** From sending to the first token of a stream. Milliseconds. */
  firstTokens: number[];
  memory: Memory;
}

/** Of all processes together, at the interval's end. Bytes. */
export interface Memory {
  /** Proportional: a page that n processes share counts 1/n in each. */
  pss: number;
  /** The part that no file backs: heaps, buffers, keys and values. */
  anonymous: number;
  /** JavaScript's heap, if /metrics has it. */
  heap?: number;
}

export interface Verdict {
  name: string;
  value: number;
  atMost: number;
  unit: string;
  ok: boolean;
}

/** Allowed variation of anonymous memory in bytes. A leak at every request is larger within half an hour. */
const GROWTH = 32e6;
/** A 99th percentile of a few hundred first tokens varies more than one of thousands of gaps. */
const GAP_RATIO = 1.25;
const FIRST_TOKEN_RATIO = 1.5;

/** The first sixth settles: with 30 minutes, minutes 0 to 5; then come 5 to 10, and the last are 25 to 30. */
export function verdictsOf(intervals: readonly Interval[]): Verdict[] {
  const sixth = Math.max(1, Math.floor(intervals.length / 6));
  const settled = intervals.slice(sixth);
  const early = settled.slice(0, sixth);
  const late = settled.slice(-sixth);
  const errors = intervals.reduce((sum, { requests }) => sum + requests.error, 0);
  const ratio = (pick: (interval: Interval) => number[]) =>
    percentile(late.flatMap(pick), 0.99) / percentile(early.flatMap(pick), 0.99);
  return [
    verdict('growth of anonymous memory once settled', growthOf(settled) / 1e6, GROWTH / 1e6, 'MB'),
    verdict('errors', errors, 0, ''),
    verdict(
      'p99 gap, last sixth of second',
      ratio(({ gaps }) => gaps),
      GAP_RATIO,
      'x',
    ),
    verdict(
      'p99 first token, last sixth of second',
      ratio(({ firstTokens }) => firstTokens),
      FIRST_TOKEN_RATIO,
      'x',
    ),
  ];
}

/** NaN (nothing was measured) fails. */
function verdict(name: string, value: number, atMost: number, unit: string): Verdict {
  return { name, value, atMost, unit, ok: value <= atMost };
}

/** Rise of the regression line of the samples from the first to the last. Bytes. */
export function growthOf(intervals: readonly Pick<Interval, 'minutes' | 'memory'>[]): number {
  const [first, last] = [intervals[0], intervals.at(-1)];
  if (first === undefined || last === undefined) return Number.NaN;
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
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

/** The smallest value that at least a share `p` of the values do not exceed. NaN if there are none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}

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
