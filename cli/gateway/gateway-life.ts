// The life of a gateway process as a table: which phase follows which, after what event, and with which exit code. Pure; knows no
// server, no engine and no clock.

/**
 * `draining`: new requests are refused, open ones may end. `cutting`: open requests are ended with an error. `leaving`: the engines
 * and shards end in order. `halting`: they end at once.
 */
export type Phase = 'loading' | 'serving' | 'draining' | 'cutting' | 'leaving' | 'halting';

export interface Life {
  phase: Phase;
  /** Exit code. */
  code: number;
}

export type LifeEvent =
  /** The models are loaded. */
  | 'loaded'
  /** The first signal. */
  | 'interrupted'
  | 'terminated'
  /** A second Ctrl-C. */
  | 'urged'
  /** An engine has ended by itself, or the process has failed. */
  | 'failed'
  /** No request is open any more; or the phase's time for open requests is over. */
  | 'idle'
  | 'late';

export const born: Life = { phase: 'loading', code: 0 };

const INTERRUPTED = 130;
const FAILED = 1;

type Follow = Partial<Record<LifeEvent, { phase: Phase; code?: number }>>;

const follows: Readonly<Record<Phase, Follow>> = {
  loading: {
    loaded: { phase: 'serving' },
    // No request is open yet.
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

/** The life after `event`; the same object if the event means nothing in this phase. */
export function lifeAfter(life: Life, event: LifeEvent): Life {
  const next = follows[life.phase][event];
  if (next === undefined) return life;
  const { phase, code = life.code } = next;
  // A process that failed does not wait for its shards to drain.
  return { phase: phase === 'leaving' && code !== 0 ? 'halting' : phase, code };
}
