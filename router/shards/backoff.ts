// How long a shard is left alone after something went wrong with it. Pure.

const firstMs = 50;
const longestMs = 2_000;
/** A shard that was reached but does not fit stays so until someone changes it. */
const refusedMs = 10_000;
/** A shard of the gateway's other models may be given experts of this one at any time. */
const siblingMs = 3_000;

/** Losses within this time count as one story. */
export const steadyMs = 60_000;
/** So many of them are bad luck; more are a shard to stay away from. */
const forgivenLosses = 5;
const longestBanMs = 30_000;

export const firstCordonMs = 5_000;
const longestCordonMs = 30 * 60_000;

/**
 * `failures` attempts in a row have failed (0: a connection that worked was lost). Doubles from 50 ms to 2 s; `random`
 * in [0, 1) spreads gateways that lost the same shard over the upper half of the wait. Where many are tried, `longest` may
 * be more than 2 s.
 */
export function reconnectDelayMs(failures: number, random: number, longest = longestMs): number {
  return spread(Math.min(firstMs * 2 ** failures, Math.max(longest, longestMs)), random);
}

export function refusedDelayMs(random: number, { sibling = false } = {}): number {
  return spread(sibling ? siblingMs : refusedMs, random);
}

/** Of a connection that was lost `losses` times within `steadyMs`; 0: no ban. Doubles from 1 s to 30 s. */
export function banMs(losses: number): number {
  return losses <= forgivenLosses ? 0 : Math.min(1_000 * 2 ** (losses - forgivenLosses - 1), longestBanMs);
}

/** Of a shard that answered wrongly for the `offences`th time. Four times as long each time, from `firstMs` to half an hour. */
export function cordonMs(offences: number, firstMs = firstCordonMs): number {
  return Math.min(firstMs * 4 ** (offences - 1), longestCordonMs);
}

export const firstRestMs = 1_000;
const longestRestMs = 60_000;

/** Of a shard that did not answer for the `times`th time. Doubles from `firstMs` to a minute. */
export function restMs(times: number, firstMs = firstRestMs): number {
  return Math.min(firstMs * 2 ** (times - 1), longestRestMs);
}

function spread(ms: number, random: number): number {
  return ms * (0.5 + random / 2);
}
