// Computes from the arrivals of tokens how long streams stalled during a fault. Pure.
import { percentile } from '../statistics.ts';

/** Time between two tokens of a stream, or any other span of time, on the clock of `performance.now()`. */
export interface Gap {
  from: number;
  to: number;
}

/** Count and percentiles of durations. Milliseconds. */
export interface Spread {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export function gapsOf(times: readonly number[]): Gap[] {
  return times.slice(1).map((to, i) => ({ from: times[i] ?? to, to }));
}

/** Whole length of the longest gap that touches the window, also outside the window. Undefined if no gap touches it. */
export function longestWithin(gaps: readonly Gap[], { from, to }: Gap): number | undefined {
  let longest: number | undefined;
  for (const gap of gaps) {
    if (gap.to >= from && gap.from <= to) longest = Math.max(longest ?? 0, gap.to - gap.from);
  }
  return longest;
}

export function spreadOf(values: readonly number[]): Spread {
  return {
    count: values.length,
    p50: percentile(values, 0.5),
    p99: percentile(values, 0.99),
    max: percentile(values, 1),
  };
}

/** Cuts a span into windows of `lengthMs`. A shorter rest at the end is left out. */
export function windowsOf({ from, to }: Gap, lengthMs: number): Gap[] {
  const count = Math.max(0, Math.floor((to - from) / lengthMs));
  return Array.from({ length: count }, (_, i) => ({
    from: from + i * lengthMs,
    to: from + (i + 1) * lengthMs,
  }));
}
