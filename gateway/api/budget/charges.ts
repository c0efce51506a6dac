// Adds up what threads of the API spend for each tenant, and charges the engines with it now and then. Pure: who is charged is given.
import type { Charge } from './slices.ts';

/** Milliseconds of a tenant that are worth a message to the engines' threads. */
const WORTH_MS = 4;

/** `charge`, called only once a tenant has spent that much; less than that stays with the tenant until then. */
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
