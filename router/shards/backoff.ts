// Computes the pauses before a shard is connected or called again, and records its failures: repeated failures lead to longer
// pauses. Pure; the caller gives the time.

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** A shard that does not fit this gateway is tried seldom, because somebody must change it first. */
const REFUSED_MS = 10_000;
/** A shard that serves only the gateway's other models is tried more often, because it may get experts of this model. */
const SIBLING_MS = 3_000;

/** Only losses of the last minute count. */
const STEADY_MS = 60_000;
/** Largest number of losses within `STEADY_MS` that leads to no ban. */
const FORGIVEN_LOSSES = 5;
const FIRST_BAN_MS = 1_000;
const LONGEST_BAN_MS = 30_000;

export const FIRST_CORDON_MS = 5_000;
const LONGEST_CORDON_MS = 30 * 60_000;
/** Time without a wrong answer after which earlier wrong answers are forgotten. */
const OFFENCES_FORGOTTEN_MS = 3_600_000;

export const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 60_000;
/** Earlier rests (pauses of an unresponsive shard) are forgotten after this time without another one. */
const SILENCES_FORGOTTEN_MS = 600_000;

/**
 * Wait before the next attempt to connect. `failures`: attempts in a row that have failed; 0 after a working connection was lost.
 * The wait doubles from 50 ms to 2 s, or to `longestMs` if that is more. `random`, in [0, 1), chooses a time in the upper half of
 * the wait, so that the gateways that lost the same shard do not all connect at once.
 */
export function reconnectDelayMs(failures: number, random: number, longestMs = LONGEST_RETRY_MS): number {
  return spread(Math.min(FIRST_RETRY_MS * 2 ** failures, Math.max(longestMs, LONGEST_RETRY_MS)), random);
}

export function refusedDelayMs(random: number, { sibling = false } = {}): number {
  return spread(sibling ? SIBLING_MS : REFUSED_MS, random);
}

/** Length of the ban after `losses` within `STEADY_MS`; 0: no ban. Doubles from 1 s to 30 s. */
export function banMs(losses: number): number {
  if (losses <= FORGIVEN_LOSSES) return 0;
  return Math.min(FIRST_BAN_MS * 2 ** (losses - FORGIVEN_LOSSES - 1), LONGEST_BAN_MS);
}

/** Length of the cordon after wrong answer number `offences`. Grows fourfold each time, from `firstMs` to half an hour. */
export function cordonMs(offences: number, firstMs = FIRST_CORDON_MS): number {
  return Math.min(firstMs * 4 ** (offences - 1), LONGEST_CORDON_MS);
}

/** Length of rest number `times` of an unresponsive shard. Doubles from `firstMs` to a minute. */
export function restMs(times: number, firstMs = FIRST_REST_MS): number {
  return Math.min(firstMs * 2 ** (times - 1), LONGEST_REST_MS);
}

function spread(ms: number, random: number): number {
  return ms * (0.5 + random / 2);
}

/** The record of a shard without failures. */
export const goodConduct = {
  /** Times at which working connections were lost, within the last `STEADY_MS`. */
  lossesMs: [] as readonly number[],
  /** Number of wrong answers. */
  offences: 0,
  offendedAtMs: 0,
  /** How often the shard became unresponsive. */
  silences: 0,
  silentAtMs: 0,
  /** How often the shard was suspected of wrong answers while there were no golden rows to check it with. */
  suspicions: 0,
};

export type Conduct = Readonly<typeof goodConduct>;

export function withLoss(conduct: Conduct, nowMs: number): Conduct {
  return { ...conduct, lossesMs: [...conduct.lossesMs.filter((at) => at > nowMs - STEADY_MS), nowMs] };
}

export function withOffence(conduct: Conduct, nowMs: number): Conduct {
  const before = nowMs - conduct.offendedAtMs > OFFENCES_FORGOTTEN_MS ? 0 : conduct.offences;
  return { ...conduct, offences: before + 1, offendedAtMs: nowMs };
}

export function withSilence(conduct: Conduct, nowMs: number): Conduct {
  const before = nowMs - conduct.silentAtMs > SILENCES_FORGOTTEN_MS ? 0 : conduct.silences;
  return { ...conduct, silences: before + 1, silentAtMs: nowMs };
}

export function withSuspicion(conduct: Conduct): Conduct {
  return { ...conduct, suspicions: conduct.suspicions + 1 };
}
