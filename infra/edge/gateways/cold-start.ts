// Waits for a cell that is scaled to zero. An autoscaler starts it as soon as the edge says that its region is wanted.
import { sleep } from '../repeats.ts';
import type { Gateways } from './gateways.ts';

/** Most seconds for which an operator may let requests wait. */
export const LONGEST_COLD_START_S = 3600;
const LOOK_MS = 250;

export function isAnyHealthy(
  gateways: Pick<Gateways, 'in' | 'isHealthy'>,
  regions: readonly string[],
): boolean {
  return regions.some((region) => gateways.in(region).some((gateway) => gateways.isHealthy(gateway)));
}

/**
 * Whether no gateway of the regions was healthy at first, and one is healthy before the time `until`, which is as of
 * `performance.now()`. The preferred region comes first. `signal` ends the wait early.
 */
export async function untilStarted(
  gateways: Pick<Gateways, 'in' | 'isHealthy' | 'onUse'>,
  regions: readonly string[],
  { until, signal }: { until: number; signal: AbortSignal },
): Promise<boolean> {
  const [wanted] = regions;
  if (wanted === undefined || isAnyHealthy(gateways, regions)) return false;
  while (!signal.aborted && performance.now() < until) {
    gateways.onUse(wanted);
    await sleep(Math.min(LOOK_MS, until - performance.now()), signal);
    if (isAnyHealthy(gateways, regions)) return !signal.aborted;
  }
  return false;
}
