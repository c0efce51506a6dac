// Waiting times of queues. Times have the unit of the service time. docs/capacity.md names the sources.

/** A normal variable is above its mean by more than this many standard deviations in 1 % of cases. */
const ONE_PERCENT_DEVIATIONS = 2.326;

/**
 * Mean wait at one server (Pollaczek and Khinchine). `variation`: squared coefficient of variation of the service times; 1 for
 * exponential ones. Infinite at a utilisation of 1 and more.
 */
export function meanWait(utilisation: number, service: number, variation = 1): number {
  if (utilisation >= 1) return Number.POSITIVE_INFINITY;
  return (utilisation * service * (1 + variation)) / 2 / (1 - utilisation);
}

/** The wait at one server that a share of the arrivals exceeds (M/M/1). */
export function waitExceeded(utilisation: number, service: number, share: number): number {
  if (utilisation >= 1) return Number.POSITIVE_INFINITY;
  return Math.max(0, (Math.log(utilisation / share) * service) / (1 - utilisation));
}

/** Probability that an arrival finds all `servers` busy (Erlang C). `offered`: mean number of busy servers. */
export function allBusy(servers: number, offered: number): number {
  if (offered >= servers) return 1;
  // Erlang B by its recursion, which does not overflow.
  let blocked = 1;
  for (let n = 1; n <= servers; n++) blocked = (offered * blocked) / (n + offered * blocked);
  return blocked / (1 - (offered / servers) * (1 - blocked));
}

/** The value that 1 % of the counts of a Poisson variable exceed, by its normal approximation. */
export function longCount(mean: number): number {
  return mean + ONE_PERCENT_DEVIATIONS * Math.sqrt(mean);
}
