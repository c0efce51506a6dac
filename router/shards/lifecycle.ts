// The lifecycle of a shard as a gateway sees it: connected, validated, used, taken out of service after failures, and validated
// again. Pure: takes a state and an event, and returns the next state and actions. driver.ts carries out the actions.
import {
  banMs,
  cordonMs,
  reconnectDelayMs,
  refusedDelayMs,
  restMs,
  withLoss,
  withOffence,
  withSilence,
  withSuspicion,
} from './backoff.ts';
import type { Action, Life, Peer, ShardEvent, ShardState, Step } from './life.ts';

/** `unstable`: the connection was lost too often. `released`: a ban, cordon or rest is over. `passed`: a check was passed. */
export type Move =
  | 'connected'
  | 'lost'
  | 'unstable'
  | 'released'
  | 'passed'
  | 'wrong'
  | 'unanswered'
  | 'leaving'
  | 'removed';

type Moves = Partial<Record<Move, ShardState>>;

const inUse: Moves = {
  wrong: 'cordoned',
  unanswered: 'unresponsive',
  lost: 'away',
  leaving: 'draining',
  removed: 'retired',
};

const transitions: Readonly<Record<ShardState, Moves>> = {
  away: { connected: 'validating', unstable: 'banned', removed: 'retired' },
  banned: { released: 'away', removed: 'retired' },
  validating: { ...inUse, passed: 'available' },
  available: inUse,
  draining: { lost: 'away', removed: 'retired' },
  cordoned: { released: 'validating', lost: 'away', leaving: 'draining', removed: 'retired' },
  unresponsive: { released: 'validating', lost: 'away', leaving: 'draining', removed: 'retired' },
  retired: {},
};

/** The state after `move`. Undefined: the table does not allow the move, which then has no effect. */
export function transition(state: ShardState, move: Move): ShardState | undefined {
  return transitions[state][move];
}

/** Number of units that are checked when a shard is connected, and after a rest. */
const FIRST_SAMPLE = 8;
/** Number of units that are checked after a cordon. */
const CORDON_SAMPLE = 64;
/** Length of a cordon on suspicion. If there are no golden rows to check the shard with, it doubles each time, up to 5 s. */
const SUSPICION_MS = 250;
const LONGEST_SUSPICION_MS = 5_000;
/** Longest rest of a shard that is needed. */
const NEEDED_REST_MS = 5_000;
/** How often it is checked whether a banned or resting shard is needed. */
const LOOK_MS = 50;

/** An event that has no meaning in the state of `life` leads to no actions. */
export function lifecycle(life: Life, event: ShardEvent, nowMs: number): Step {
  const rule = rules[event.type] as (life: Life, event: ShardEvent, nowMs: number) => Step;
  const next = rule(life, event, nowMs);
  const isOut = life.state === 'available' && next.life.state !== 'available';
  // The fleet must know that the shard is out of service before it is asked whether the shard is needed.
  if (isOut && !next.actions.includes(tell)) next.actions.unshift(tell);
  return next;
}

const rules: { [T in ShardEvent['type']]: (life: Life, event: EventOf<T>, nowMs: number) => Step } = {
  connected,
  unreached,
  lost,
  passed,
  wrong,
  suspected,
  unanswered,
  leaving: (life) => step(after(life, 'leaving') ?? life),
  time,
  removed: (life) => step(after(life, 'removed') ?? life),
};

type EventOf<T extends ShardEvent['type']> = Extract<ShardEvent, { type: T }>;

const tell: Action = { do: 'tell' };

function log(level: 'info' | 'warn', message: string): Action {
  return { do: 'log', level, message };
}

function step(life: Life, ...actions: Action[]): Step {
  return { life, actions };
}

/** The life after `move`, or undefined if the table does not allow the move. */
function after(life: Life, move: Move): Life | undefined {
  const state = transition(life.state, move);
  return state && { ...life, state };
}

function connected(life: Life, { peer }: EventOf<'connected'>, nowMs: number): Step {
  const next = after(life, 'connected');
  if (next === undefined) return step(life, { do: 'hangUp' });
  const begun = begin({ ...next, peer, failures: 0, connections: life.connections + 1 }, peer, nowMs);
  const again: Action[] = life.connections > 0 ? [{ do: 'count', what: 'reconnects' }] : [];
  const message = `is connected${peer.standby ? ' as standby' : ''}: ${peer.numericsClass}`;
  return step(begun.life, ...again, tell, log('info', message), { do: 'forgetCalls' }, ...begun.actions);
}

/** Validates a connected shard, or continues a cordon or rest of the same process. */
function begin(life: Life, { instance }: Peer, nowMs: number): Step {
  const lasts = (pause: Life['cordon'] | Life['rest']) =>
    pause.untilMs > nowMs && pause.instance === instance;
  const cordoned = lasts(life.cordon) && after(life, 'wrong');
  if (cordoned) return step(cordoned, { do: 'wake', afterMs: life.cordon.untilMs - nowMs });
  const resting = lasts(life.rest) && after(life, 'unanswered');
  if (resting) {
    const { untilMs } = life.rest;
    return step({ ...resting, rest: { ...life.rest, fromMs: nowMs } }, lookAgain(untilMs, nowMs));
  }
  return validate(life, FIRST_SAMPLE);
}

/** `mustAnswer`: a shard without golden rows is used only after it has given some answer. */
function validate(life: Life, sample: number, { mustAnswer = false } = {}): Step {
  const { suspects } = life;
  const check = life.peer?.check ?? 'none';
  if (check === 'golden') return step(life, { do: 'check', check, suspects, sample });
  const trusted = check === 'any' && mustAnswer ? undefined : after(life, 'passed');
  const actions: Action[] = trusted === undefined ? [] : [tell];
  if (check === 'any') actions.push({ do: 'check', check, suspects, sample: mustAnswer ? sample : 0 });
  return step(trusted ?? life, ...actions);
}

function unreached(life: Life, { why, message, random, longestMs }: EventOf<'unreached'>): Step {
  if (life.state !== 'away') return step(life);
  const failures = why === 'silent' ? life.failures + 1 : life.failures;
  const afterMs =
    why === 'silent'
      ? reconnectDelayMs(failures, random, longestMs)
      : refusedDelayMs(random, { sibling: why === 'sibling' });
  const line = log(
    why === 'sibling' ? 'info' : 'warn',
    `is ${why === 'silent' ? 'away' : 'not used'}: ${message}`,
  );
  return step({ ...life, failures }, line, { do: 'dial', afterMs });
}

function lost(life: Life, { message, random }: EventOf<'lost'>, nowMs: number): Step {
  if (life.peer === undefined) return step(life);
  const hasLeft = life.state === 'draining';
  const conduct = hasLeft ? life.conduct : withLoss(life.conduct, nowMs);
  const ms = hasLeft ? 0 : banMs(conduct.lossesMs.length);
  const next = { ...(after(life, 'lost') ?? life), peer: undefined, conduct, ban: { ms, untilMs: 0 } };
  const line = hasLeft ? log('info', 'has left service') : log('warn', `is lost: ${message}`);
  if (next.state !== 'away') return step(next, line, tell);
  return step(next, line, tell, ms > 0 ? { do: 'wake', afterMs: 0 } : dialAgain(random));
}

function dialAgain(random: number): Action {
  return { do: 'dial', afterMs: reconnectDelayMs(0, random) };
}

function passed(life: Life): Step {
  const next = after(life, 'passed');
  return next === undefined ? step(life) : step({ ...next, suspects: [] }, tell);
}

/** A wrong answer counts even while the shard is out of service for another reason. */
function wrong(life: Life, event: EventOf<'wrong'>, nowMs: number): Step {
  if (life.state === 'cordoned' && life.cordon.accused) return step(life); // several calls may report one fault
  const conduct = withOffence(life.conduct, nowMs);
  const ms = cordonMs(conduct.offences, life.pace.firstCordonMs);
  return cordon({ ...life, conduct }, { ...event, ms, accused: true }, nowMs);
}

function suspected(life: Life, event: EventOf<'suspected'>, nowMs: number): Step {
  const details = { ...event, accused: false };
  if (life.peer?.check === 'golden') return cordon(life, { ...details, ms: SUSPICION_MS }, nowMs);
  const ms = Math.min(SUSPICION_MS * 2 ** life.conduct.suspicions, LONGEST_SUSPICION_MS);
  return cordon({ ...life, conduct: withSuspicion(life.conduct) }, { ...details, ms }, nowMs);
}

interface CordonDetails extends Pick<EventOf<'wrong'>, 'reason' | 'suspects'> {
  ms: number;
  accused: boolean;
}

/** While a shard is cordoned on suspicion, only a wrong answer makes the cordon longer. */
function cordon(life: Life, { ms, reason, suspects, accused }: CordonDetails, nowMs: number): Step {
  const next = life.state === 'cordoned' && accused ? life : after(life, 'wrong');
  if (next === undefined) return step(life);
  return step(
    {
      ...next,
      cordon: { untilMs: nowMs + ms, instance: life.peer?.instance ?? '', accused },
      suspects: [...suspects, ...life.suspects].slice(0, CORDON_SAMPLE),
    },
    { do: 'count', what: 'cordons' },
    log('warn', `is cordoned for ${ms / 1_000} s: ${reason}`),
    { do: 'wake', afterMs: ms },
  );
}

function unanswered(life: Life, { reason }: EventOf<'unanswered'>, nowMs: number): Step {
  const next = after(life, 'unanswered');
  if (next === undefined) return step(life);
  const conduct = withSilence(life.conduct, nowMs);
  const untilMs = nowMs + restMs(conduct.silences, life.pace.firstRestMs);
  const instance = life.peer?.instance ?? '';
  return step(
    { ...next, conduct, rest: { fromMs: nowMs, untilMs, instance, untold: reason } },
    { do: 'count', what: 'silences' },
    { do: 'wake', afterMs: 0 },
  );
}

/** A ban, cordon or rest is over, or it is time to check whether it should end early. */
function time(life: Life, event: EventOf<'time'>, nowMs: number): Step {
  return timeRules[life.state]?.(life, event, nowMs) ?? step(life);
}

const timeRules: Partial<Record<ShardState, (life: Life, event: EventOf<'time'>, nowMs: number) => Step>> = {
  away: ban,
  banned: endBan,
  cordoned: endCordon,
  unresponsive: endRest,
};

function ban(life: Life, { needed, random }: EventOf<'time'>, nowMs: number): Step {
  const { ms } = life.ban;
  const next = ms > 0 && !needed ? after(life, 'unstable') : undefined;
  if (next === undefined) return step({ ...life, ban: { ms: 0, untilMs: 0 } }, dialAgain(random));
  const untilMs = nowMs + ms;
  return step(
    { ...next, ban: { ms, untilMs } },
    { do: 'count', what: 'bans' },
    log('warn', `is left alone for ${ms / 1_000} s: it was lost too often within a minute`),
    lookAgain(untilMs, nowMs),
  );
}

function endBan(life: Life, { needed, random }: EventOf<'time'>, nowMs: number): Step {
  const next = needed || nowMs >= life.ban.untilMs ? after(life, 'released') : undefined;
  return next === undefined ? step(life, lookAgain(life.ban.untilMs, nowMs)) : step(next, dialAgain(random));
}

function endCordon(life: Life, _: EventOf<'time'>, nowMs: number): Step {
  const leftMs = life.cordon.untilMs - nowMs;
  const next = leftMs <= 0 ? after(life, 'released') : undefined;
  if (next === undefined) return step(life, { do: 'wake', afterMs: Math.max(1, leftMs) });
  const { life: validated, actions } = validate(next, CORDON_SAMPLE);
  return step(validated, log('info', 'is validated again after its cordon'), ...actions);
}

function endRest(life: Life, { needed }: EventOf<'time'>, nowMs: number): Step {
  const { fromMs, untilMs, untold } = life.rest;
  const forMs = needed ? Math.min(untilMs - fromMs, NEEDED_REST_MS) : untilMs - fromMs;
  const news = untold
    ? [log('warn', `is unresponsive and gets no calls for ${forMs / 1_000} s: ${untold}`)]
    : [];
  const told = { ...life, rest: { ...life.rest, untold: undefined } };
  const isOver = nowMs >= untilMs || (needed && nowMs - fromMs >= NEEDED_REST_MS);
  const next = isOver ? after(told, 'released') : undefined;
  if (next === undefined) return step(told, ...news, lookAgain(untilMs, nowMs));
  const { life: validated, actions } = validate(next, FIRST_SAMPLE, { mustAnswer: true });
  return step(validated, ...news, { do: 'forgetCalls' }, ...actions);
}

function lookAgain(untilMs: number, nowMs: number): Action {
  return { do: 'wake', afterMs: Math.min(LOOK_MS, Math.max(1, untilMs - nowMs)) };
}
