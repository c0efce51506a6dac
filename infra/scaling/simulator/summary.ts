// The figures of a whole simulated run.
import type { Prices } from './cell-model.ts';
import { percentileOf } from './minutes.ts';
import { GATEWAYS } from './settings.ts';
import type { Outcome } from './simulate.ts';
import type { ArrivingRequest } from './traffic.ts';

export interface Summary {
  /** Seconds that requests waited until a gateway admitted them. */
  waitP50: number;
  waitP99: number;
  waitMost: number;
  /** Requests that waited longer than 10 s or were refused. */
  late: number;
  /** Requests with a prefill and decode that took longer than `SLOW_SECONDS` for each token of the answer. */
  slow: number;
  /** Changes of the number of gateways. */
  changes: number;
  coreHours: number;
  gibHours: number;
  cost: number;
}

/** A reader reads about five tokens a second. */
export const SLOW_SECONDS = 0.2;

export function summaryOf(
  { minutes, waits, runs, changes }: Outcome,
  requests: readonly ArrivingRequest[],
  prices: Prices,
): Summary {
  const waited = waits.filter((wait) => !Number.isNaN(wait)).sort();
  const total = (of: (minute: Outcome['minutes'][number]) => number) =>
    minutes.reduce((sum, minute) => sum + of(minute), 0);
  const coreHours = total((minute) => minute.coreHours);
  const gibHours = total((minute) => minute.gibHours);
  return {
    waitP50: percentileOf(waited, 0.5),
    waitP99: percentileOf(waited, 0.99),
    waitMost: waited.at(-1) ?? 0,
    late: total(({ late }) => late),
    slow: requests.filter(({ answer }, i) => (runs[i] ?? 0) > SLOW_SECONDS * answer).length,
    changes: changes.filter(({ target }) => target === GATEWAYS).length,
    coreHours,
    gibHours,
    cost: coreHours * prices.coreHour + gibHours * prices.gibHour,
  };
}
