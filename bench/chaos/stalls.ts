// How long streams stalled during a fault, computed from the arrivals of their tokens. Pure.
import { percentile } from '../load/soak-verdicts.ts';

/** Between two tokens of one stream, on one clock. Milliseconds. */
export interface Gap {
  from: number;
  to: number;
}

/** Milliseconds. */
export interface Spread {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export function gapsOf(times: readonly number[]): Gap[] {
  return times.slice(1).map((to, i) => ({ from: times[i] ?? to, to }));
}

/**
 * The longest gap that touches the window. A stall that outlasts the window counts to its end. Undefined if no stream was between two
 * tokens.
 */
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

/** `[from, to]` cut into windows of `lengthMs`; what is left at the end is not one. */
export function windowsOf({ from, to }: Gap, lengthMs: number): Gap[] {
  const count = Math.max(0, Math.floor((to - from) / lengthMs));
  return Array.from({ length: count }, (_, i) => ({
    from: from + i * lengthMs,
    to: from + (i + 1) * lengthMs,
  }));
}
