// The life cycle of a gateway process as a table: the next phase and the exit code for each phase and event. Pure.

/**
 * - `draining`: new requests are refused, and open requests have time to finish.
 * - `cutting`: open requests are ended with an error.
 * - `leaving`: the engines and shards are drained and ended.
 * - `halting`: the engines and shards are ended at once.
 */
export type Phase = 'loading' | 'serving' | 'draining' | 'cutting' | 'leaving' | 'halting';

export interface Life {
  phase: Phase;
  /** Exit code of the process. */
  code: number;
}

export type LifeEvent =
  /** The models are loaded. */
  | 'loaded'
  /** The first signal was Ctrl-C (SIGINT). */
  | 'interrupted'
  /** The first signal was SIGTERM. */
  | 'terminated'
  /** A second Ctrl-C. */
  | 'urged'
  /** An engine has ended by itself, or an error was not caught. */
  | 'failed'
  /** The last open request has ended. */
  | 'idle'
  /** Requests are still open at the time limit of the phase. */
  | 'late';

export const initialLife: Life = { phase: 'loading', code: 0 };

const INTERRUPTED = 130;
const FAILED = 1;

type Follow = Partial<Record<LifeEvent, { phase: Phase; code?: number }>>;

const follows: Readonly<Record<Phase, Follow>> = {
  loading: {
    loaded: { phase: 'serving' },
    // A process that is loading has no open requests, so it needs no drain.
    interrupted: { phase: 'halting', code: INTERRUPTED },
    terminated: { phase: 'halting' },
    failed: { phase: 'halting', code: FAILED },
  },
  serving: {
    interrupted: { phase: 'draining' },
    terminated: { phase: 'draining' },
    failed: { phase: 'cutting', code: FAILED },
  },
  draining: {
    idle: { phase: 'leaving' },
    late: { phase: 'cutting' },
    urged: { phase: 'cutting', code: INTERRUPTED },
    failed: { phase: 'cutting', code: FAILED },
  },
  cutting: {
    idle: { phase: 'leaving' },
    late: { phase: 'leaving' },
    interrupted: { phase: 'halting' },
    terminated: { phase: 'halting' },
    urged: { phase: 'halting' },
  },
  leaving: {
    urged: { phase: 'halting', code: INTERRUPTED },
    failed: { phase: 'halting', code: FAILED },
  },
  halting: {},
};

/** The life after `event`. Returns `life` itself if the event has no effect in this phase. */
export function lifeAfter(life: Life, event: LifeEvent): Life {
  const next = follows[life.phase][event];
  if (next === undefined) return life;
  const { phase, code = life.code } = next;
  // A process that ends with an error does not wait until its shards are drained.
  return { phase: phase === 'leaving' && code !== 0 ? 'halting' : phase, code };
}
