// The prefetch hint of the CPU kernels: its text form, and the choice from measured times.
import { PREFETCH_HINTS, type Prefetch } from '../../../kernels/kernels.ts';

export type { Prefetch };

/** Most bytes that a prefetch reads ahead. */
const MOST_AHEAD = 65_536;

/** The choices that are measured. The first is preferred if no other is faster. */
export const PREFETCHES: readonly Prefetch[] = [
  { hint: 'none', aheadBytes: 0 },
  { hint: 't0', aheadBytes: 2048 },
  { hint: 't0', aheadBytes: 4096 },
  { hint: 't0', aheadBytes: 8192 },
  { hint: 't1', aheadBytes: 4096 },
  { hint: 't1', aheadBytes: 8192 },
  { hint: 't2', aheadBytes: 8192 },
  { hint: 'nta', aheadBytes: 4096 },
];

/**
 * Another choice must be faster than the first by this share. Which pages of memory the system hands out changes times by several
 * percent, even if the rounds of one measurement agree.
 */
const LEAST_GAIN = 0.1;

/** Number of measurements that must choose another. */
const MEASUREMENTS = 3;

export interface PrefetchTimes {
  prefetch: Prefetch;
  /** Times of the same product, in the order of measurement. */
  microseconds: readonly number[];
}

/** `none`, or the hint and the distance in bytes, such as `t0:4096`. */
export function formatPrefetch({ hint, aheadBytes }: Prefetch): string {
  return hint === 'none' ? hint : `${hint}:${aheadBytes}`;
}

/** Undefined if the text is not a choice. */
export function parsePrefetch(text: string): Prefetch | undefined {
  const [name, distance, ...more] = text.split(':');
  const hint = PREFETCH_HINTS.find((known) => known === name);
  if (hint === undefined || more.length > 0) return undefined;
  if (hint === 'none') return distance === undefined ? { hint, aheadBytes: 0 } : undefined;
  const aheadBytes = Number(distance);
  if (!/^\d+$/.test(distance ?? '') || aheadBytes > MOST_AHEAD) return undefined;
  return { hint, aheadBytes };
}

/** The fastest choice if it is faster than the first by more than the noise, otherwise the first. */
export function choosePrefetch(times: readonly PrefetchTimes[]): Prefetch {
  const [first, ...others] = times;
  if (first === undefined) throw new Error('no choice was measured');
  const usual = typical(first.microseconds);
  // Half of the rounds against the other half shows how much a time changes by itself.
  const halves = [0, 1].map((half) => typical(first.microseconds.filter((_, i) => i % 2 === half)));
  const noise = Math.abs(halves[0]! - halves[1]!) / usual;
  const limit = usual * (1 - Math.max(LEAST_GAIN, noise));
  const [fastest] = others.toSorted((a, b) => typical(a.microseconds) - typical(b.microseconds));
  const isFaster = fastest !== undefined && typical(fastest.microseconds) < limit;
  return isFaster ? fastest.prefetch : first.prefetch;
}

/** Measures again if the choice is not the first, and keeps to the first unless all measurements choose another. */
export function confirmPrefetch(
  measure: () => readonly PrefetchTimes[] | undefined,
): { prefetch: Prefetch; times: readonly PrefetchTimes[] } | undefined {
  for (let count = 1; ; count++) {
    const times = measure();
    if (times === undefined) return undefined;
    const prefetch = choosePrefetch(times);
    if (prefetch === times[0]?.prefetch || count === MEASUREMENTS) return { prefetch, times };
  }
}

/** The lower quartile: other processes can only make a product slower. */
export function typical(microseconds: readonly number[]): number {
  return microseconds.toSorted((a, b) => a - b)[microseconds.length >> 2] ?? Number.NaN;
}
