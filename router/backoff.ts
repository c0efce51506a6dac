// How long to wait before the next attempt to reach a shard. Pure.

const firstMs = 50;
const longestMs = 2_000;
/** A shard that was reached but does not fit stays so until someone changes it. */
const refusedMs = 10_000;

/**
 * `failures` attempts in a row have failed (0: a connection that worked was lost). Doubles from 50 ms to 2 s; `random`
 * in [0, 1) spreads gateways that lost the same shard over the upper half of the wait.
 */
export function reconnectDelayMs(failures: number, random: number): number {
  return spread(Math.min(firstMs * 2 ** failures, longestMs), random);
}

export function refusedDelayMs(random: number): number {
  return spread(refusedMs, random);
}

function spread(ms: number, random: number): number {
  return ms * (0.5 + random / 2);
}
