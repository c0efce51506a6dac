// Whether a gateway may get requests, from its health checks and from what requests meet. Pure.

export interface Health {
  /** Result of the last check. Undefined if there was no check yet, or if the host cannot make checks. */
  ready: boolean | undefined;
  /** Whether the last check found the gateway not ready. */
  wasDown: boolean;
  /** Number of consecutive failures of requests. Failures while the gateway is ejected do not count. */
  failures: number;
  /** The gateway gets no requests before this time. */
  ejectedUntil: number;
  /** While the one request after an ejection has no answer, the gateway gets no others before this time. 0: no such request. */
  trialUntil: number;
}

export type HealthEvent =
  | { type: 'checked'; ready: boolean }
  /** A request begins. */
  | { type: 'begun' }
  /** A request got no answer, or the answer of a gateway that cannot work. `random` is from 0 to 1. */
  | { type: 'failed'; random: number }
  /** A request got any other answer. */
  | { type: 'answered' }
  /** A trial ended without an answer, because its client left. */
  | { type: 'abandoned' };

export const newHealth: Health = {
  ready: undefined,
  wasDown: false,
  failures: 0,
  ejectedUntil: 0,
  trialUntil: 0,
};

const FIRST_EJECTION_MS = 1_000;
const LONGEST_EJECTION_MS = 30_000;
/** The headers of a whole answer come with its last token. So a trial that takes long proves nothing, least of all if checks are good. */
const LONGEST_TRIAL_MS = 30_000;
const LONGEST_CHECKED_TRIAL_MS = 5_000;

export function isHealthy({ ready, ejectedUntil, trialUntil }: Health, now: number): boolean {
  return ready !== false && now >= ejectedUntil && now >= trialUntil;
}

export function healthAfter(health: Health, event: HealthEvent, now: number): Health {
  switch (event.type) {
    case 'checked':
      // The gateway has started again. What requests met before does not matter any more.
      if (event.ready && health.wasDown) return { ...newHealth, ready: true };
      return { ...health, ready: event.ready, wasDown: !event.ready };
    case 'begun':
      return begun(health, now);
    case 'failed':
      return failed(health, event.random, now);
    case 'answered':
      return { ...health, failures: 0, ejectedUntil: 0, trialUntil: 0 };
    case 'abandoned':
      return { ...health, trialUntil: 0 };
  }
}

function begun(health: Health, now: number): Health {
  if (health.failures === 0 || health.trialUntil > 0) return health;
  const longest = health.ready === undefined ? LONGEST_TRIAL_MS : LONGEST_CHECKED_TRIAL_MS;
  return { ...health, trialUntil: now + longest };
}

function failed(health: Health, random: number, now: number): Health {
  // One lost gateway fails all of its requests at the same time. They are one failure.
  if (now < health.ejectedUntil) return { ...health, trialUntil: 0 };
  const failures = health.failures + 1;
  const longest = Math.min(LONGEST_EJECTION_MS, FIRST_EJECTION_MS * 2 ** (failures - 1));
  return {
    ...health,
    // If there are checks, a good one is needed as well.
    ready: health.ready === undefined ? undefined : false,
    failures,
    ejectedUntil: now + longest * (0.5 + random / 2),
    trialUntil: 0,
  };
}
