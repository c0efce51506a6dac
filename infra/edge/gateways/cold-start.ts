// Waits for a cell that is scaled to zero. An autoscaler starts it as soon as the edge says that its region is wanted.
import { sleep } from '../repeats.ts';
import type { Gateways } from './gateways.ts';

/** Most seconds for which an operator may let requests wait. */
export const LONGEST_COLD_START_S = 3600;
const LOOK_MS = 250;

interface Regions {
  gateways: Pick<Gateways, 'in' | 'isHealthy'>;
  /** The preferred one first. */
  regions: readonly string[];
}

interface Waiting extends Regions {
  gateways: Pick<Gateways, 'in' | 'isHealthy' | 'onUse'>;
  /** As of `performance.now()`. */
  until: number;
  /** Ends the wait early. */
  signal: AbortSignal;
}

export function isAnyHealthy({ gateways, regions }: Regions): boolean {
  return regions.some((region) => gateways.in(region).some((gateway) => gateways.isHealthy(gateway)));
}

/** Whether no gateway of the regions was healthy at first, and one is healthy before the time. */
export async function untilStarted({ until, signal, ...regions }: Waiting): Promise<boolean> {
  const [wanted] = regions.regions;
  if (wanted === undefined || isAnyHealthy(regions)) return false;
  while (!signal.aborted && performance.now() < until) {
    regions.gateways.onUse(wanted);
    await sleep(Math.min(LOOK_MS, until - performance.now()), signal);
    if (isAnyHealthy(regions)) return !signal.aborted;
  }
  return false;
}
