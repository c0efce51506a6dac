// Adds up the time that threads of the API spend for each tenant, and passes it on in few messages.
import type { Charge } from './slices.ts';

/** Milliseconds of one tenant that are passed on in one message to the threads of the engines. */
const WORTH_MS = 4;

/** Returns a function that adds up each tenant's time, and calls `charge` when the sum reaches WORTH_MS. */
export function chargeNowAndThen(charge: Charge): Charge {
  const spent = new Map<string | undefined, number>();
  return (tenant, ms) => {
    const sum = (spent.get(tenant) ?? 0) + ms;
    if (sum < WORTH_MS) spent.set(tenant, sum);
    else {
      spent.delete(tenant);
      charge(tenant, sum);
    }
  };
}
