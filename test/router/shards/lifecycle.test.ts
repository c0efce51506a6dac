import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Action,
  type Life,
  type Step as LifeStep,
  newLife,
  type ShardEvent,
  type ShardState,
} from '../../../router/shards/life.ts';
import { lifecycle, type Move, transition } from '../../../router/shards/lifecycle.ts';

const states: ShardState[] = [
  'away',
  'banned',
  'validating',
  'available',
  'draining',
  'cordoned',
  'unresponsive',
  'retired',
];
const moves: Move[] = [
  'connected',
  'lost',
  'unstable',
  'released',
  'passed',
  'wrong',
  'unanswered',
  'leaving',
  'removed',
];

interface Step {
  from: ShardState;
  move: Move;
  to: ShardState;
}

/** The moves in `happened` that the table allows. Other moves have no effect. */
function walk(start: ShardState, happened: readonly Move[]): Step[] {
  const steps: Step[] = [];
  let from = start;
  for (const move of happened) {
    const to = transition(from, move);
    if (to === undefined) continue;
    steps.push({ from, move, to });
    from = to;
  }
  return steps;
}

function holdsFor(steps: (steps: Step[]) => void): void {
  const history = fc.array(fc.constantFrom(...moves), { maxLength: 60 });
  fc.assert(
    fc.property(fc.constantFrom(...states), history, (start, happened) => steps(walk(start, happened))),
    { seed: 41, numRuns: 2_000 },
  );
}

test('every move leads to a known state that is not the same as before', () => {
  holdsFor((steps) => {
    for (const { from, to } of steps) {
      expect(states).toContain(to);
      expect(to).not.toBe(from);
    }
  });
});

test('only a passed check in the state validating makes a shard available', () => {
  holdsFor((steps) => {
    for (const { from, move, to } of steps) {
      if (to === 'available') expect({ from, move }).toEqual({ from: 'validating', move: 'passed' });
      if (move === 'passed') expect(to).toBe('available');
    }
  });
});

test('a shard is validated after a cordon before it is available again', () => {
  holdsFor((steps) => {
    const visited = steps.map(({ to }) => to);
    for (const [at, state] of visited.entries()) {
      if (state !== 'cordoned') continue;
      const back = visited.indexOf('available', at);
      if (back >= 0) expect(visited.slice(at, back)).toContain('validating');
    }
  });
});

test('a retired shard changes its state no more, and any other shard can be retired', () => {
  for (const move of moves) expect(transition('retired', move)).toBeUndefined();
  for (const state of states.slice(0, -1)) expect(transition(state, 'removed')).toBe('retired');
});

test('a wrong answer takes a shard out of service, and so does a lost connection in every connected state', () => {
  expect(transition('available', 'wrong')).toBe('cordoned');
  expect(transition('validating', 'wrong')).toBe('cordoned');
  for (const state of ['validating', 'available', 'draining', 'cordoned', 'unresponsive'] as const) {
    expect(transition(state, 'lost')).toBe('away');
  }
});

test('a shard that leaves gets no calls until it is connected again', () => {
  holdsFor((steps) => {
    for (const [at, { to }] of steps.entries()) {
      if (to === 'draining' && at + 1 < steps.length)
        expect(['away', 'retired']).toContain(steps[at + 1]!.to);
    }
  });
});

const pace = { firstCordonMs: 5_000, firstRestMs: 1_000 };
const suspect = { layer: 1, expert: 4 };
const peer = { instance: 'p1', check: 'golden', numericsClass: 'f32', standby: false } as const;

/** One event of each type. The shard is not needed, and random waits have their greatest length. */
const events: { [T in ShardEvent['type']]: Extract<ShardEvent, { type: T }> } = {
  connected: { type: 'connected', peer },
  unreached: { type: 'unreached', why: 'silent', message: 'refused', random: 1, longestMs: 0 },
  lost: { type: 'lost', message: 'reset', random: 1 },
  passed: { type: 'passed' },
  wrong: { type: 'wrong', reason: 'bits differ', suspects: [suspect] },
  suspected: { type: 'suspected', reason: 'not finite', suspects: [suspect] },
  unanswered: { type: 'unanswered', reason: 'no answers' },
  leaving: { type: 'leaving' },
  time: { type: 'time', needed: false, random: 1 },
  removed: { type: 'removed' },
};

/** The life after the events, which all happen at `nowMs`. */
function lifeAfter(life: Life, happened: readonly ShardEvent[], nowMs = 0): Life {
  return happened.reduce((before, event) => lifecycle(before, event, nowMs).life, life);
}

const { connected, lost, passed, wrong, suspected, unanswered, leaving, time, removed } = events;
const sixLosses = Array.from({ length: 6 }, () => [connected, lost]).flat();

/** By state: events that bring a new shard into it. */
const ways: Record<ShardState, ShardEvent[]> = {
  away: [],
  banned: [...sixLosses, time],
  validating: [connected],
  available: [connected, passed],
  draining: [connected, passed, leaving],
  cordoned: [connected, passed, wrong],
  unresponsive: [connected, passed, unanswered, time],
  retired: [removed],
};

/** An action as one line of text. */
function lineOf(action: Action): string {
  switch (action.do) {
    case 'log':
      return `${action.level}: ${action.message}`;
    case 'count':
      return `count ${action.what}`;
    case 'dial':
    case 'wake':
      return `${action.do} after ${action.afterMs}`;
    case 'check':
      return `check ${action.check}: ${action.suspects.length} suspects and ${action.sample}`;
    default:
      return action.do;
  }
}

/** The next state, and a line for each action. */
function told({ life, actions }: LifeStep): [ShardState, ...string[]] {
  return [life.state, ...actions.map(lineOf)];
}

/** By state and event: the next state and the actions. An event that is not listed changes nothing. */
const table: Record<ShardState, Partial<Record<ShardEvent['type'], [ShardState, ...string[]]>>> = {
  away: {
    connected: [
      'validating',
      'tell',
      'info: is connected: f32',
      'forgetCalls',
      'check golden: 0 suspects and 8',
    ],
    unreached: ['away', 'warn: is away: refused', 'dial after 100'],
    time: ['away', 'dial after 50'],
    removed: ['retired'],
  },
  banned: { connected: ['banned', 'hangUp'], time: ['banned', 'wake after 50'], removed: ['retired'] },
  validating: {
    connected: ['validating', 'hangUp'],
    lost: ['away', 'warn: is lost: reset', 'tell', 'dial after 50'],
    passed: ['available', 'tell'],
    wrong: ['cordoned', 'count cordons', 'warn: is cordoned for 5 s: bits differ', 'wake after 5000'],
    suspected: ['cordoned', 'count cordons', 'warn: is cordoned for 0.25 s: not finite', 'wake after 250'],
    unanswered: ['unresponsive', 'count silences', 'wake after 0'],
    leaving: ['draining'],
    removed: ['retired'],
  },
  available: {
    connected: ['available', 'hangUp'],
    lost: ['away', 'warn: is lost: reset', 'tell', 'dial after 50'],
    wrong: ['cordoned', 'tell', 'count cordons', 'warn: is cordoned for 5 s: bits differ', 'wake after 5000'],
    suspected: [
      'cordoned',
      'tell',
      'count cordons',
      'warn: is cordoned for 0.25 s: not finite',
      'wake after 250',
    ],
    unanswered: ['unresponsive', 'tell', 'count silences', 'wake after 0'],
    leaving: ['draining', 'tell'],
    removed: ['retired', 'tell'],
  },
  draining: {
    connected: ['draining', 'hangUp'],
    lost: ['away', 'info: has left service', 'tell', 'dial after 50'],
    removed: ['retired'],
  },
  cordoned: {
    connected: ['cordoned', 'hangUp'],
    lost: ['away', 'warn: is lost: reset', 'tell', 'dial after 50'],
    leaving: ['draining'],
    time: ['cordoned', 'wake after 5000'],
    removed: ['retired'],
  },
  unresponsive: {
    connected: ['unresponsive', 'hangUp'],
    lost: ['away', 'warn: is lost: reset', 'tell', 'dial after 50'],
    leaving: ['draining'],
    time: ['unresponsive', 'wake after 50'],
    removed: ['retired'],
  },
  retired: { connected: ['retired', 'hangUp'] },
};

describe.each(states)('in the state %s', (state) => {
  test.each(Object.values(events))('$type', (event) => {
    const life = lifeAfter(newLife(pace), ways[state], 1_000);
    expect(life.state).toBe(state);
    expect(told(lifecycle(life, event, 1_000))).toEqual(table[state][event.type] ?? [state]);
  });
});

describe('a shard that is taken out of service', () => {
  const needed: ShardEvent = { ...time, needed: true };

  test('is banned after six losses within a minute, for twice as long each time, unless it is needed', () => {
    const life = lifeAfter(newLife(pace), sixLosses);
    expect(told(lifecycle(life, needed, 0))).toEqual(['away', 'dial after 50']);
    expect(told(lifecycle(life, time, 0))).toEqual([
      'banned',
      'count bans',
      'warn: is left alone for 1 s: it was lost too often within a minute',
      'wake after 50',
    ]);
    const banned = lifeAfter(life, [time]);
    expect(told(lifecycle(banned, time, 999))).toEqual(['banned', 'wake after 1']);
    expect(told(lifecycle(banned, needed, 100))).toEqual(['away', 'dial after 50']);
    expect(told(lifecycle(banned, time, 1_000))).toEqual(['away', 'dial after 50']);
    const again = lifeAfter(banned, [time, connected, lost, time], 1_000);
    expect(again).toMatchObject({ state: 'banned', ban: { untilMs: 3_000 } });
    const later = lifeAfter(life, [needed, connected, lost], 60_001);
    expect(told(lifecycle(later, time, 60_001))).toEqual(['away', 'dial after 50']);
  });

  test('is checked with 64 units and the suspected units after a cordon, and a new connection to the same process does not end the cordon', () => {
    const cordoned = lifeAfter(newLife(pace), ways.cordoned);
    expect(told(lifecycle(cordoned, time, 5_000))).toEqual([
      'validating',
      'info: is validated again after its cordon',
      'check golden: 1 suspects and 64',
    ]);
    const away = lifeAfter(cordoned, [lost]);
    expect(told(lifecycle(away, connected, 2_000))).toEqual([
      'cordoned',
      'count reconnects',
      'tell',
      'info: is connected: f32',
      'forgetCalls',
      'wake after 3000',
    ]);
    const other: ShardEvent = { type: 'connected', peer: { ...peer, instance: 'p2' } };
    expect(lifeAfter(away, [other], 2_000).state).toBe('validating');
    expect(lifeAfter(cordoned, [time, passed], 5_000).suspects).toEqual([]);
  });

  test('is cordoned for longer after each wrong answer, even after one that it gives while out of service', () => {
    const once = lifeAfter(newLife(pace), ways.cordoned);
    const twice = lifeAfter(lifeAfter(once, [time, passed], 5_000), [wrong], 6_000);
    expect(twice.cordon).toEqual({ untilMs: 26_000, instance: 'p1', accused: true });
    const unseen = lifeAfter(newLife(pace), [connected, passed, unanswered, wrong, lost, connected]);
    expect(lifeAfter(unseen, [time, time, passed, wrong], 5_000).cordon.untilMs).toBe(25_000);
  });

  test('gets a longer cordon by a wrong answer while it is suspected, but not by another suspicion', () => {
    const suspicious = lifeAfter(newLife(pace), [connected, passed, suspected]);
    expect(told(lifecycle(suspicious, suspected, 10))).toEqual(['cordoned']);
    expect(lifeAfter(suspicious, [wrong], 10).cordon).toEqual({
      untilMs: 5_010,
      instance: 'p1',
      accused: true,
    });
  });

  test('is cordoned on suspicion for twice as long each time, up to 5 s, if there are no golden rows to check it with', () => {
    let life = lifeAfter(newLife(pace), [{ ...connected, peer: { ...peer, check: 'any' } }]);
    const cordons = [0, 10_000, 20_000, 30_000, 40_000, 50_000].map((nowMs) => {
      life = lifeAfter(life, [suspected], nowMs);
      const ms = life.cordon.untilMs - nowMs;
      life = lifeAfter(life, [time], life.cordon.untilMs);
      return ms;
    });
    expect(cordons).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000]);
  });

  test('logs its rest once it is known whether the shard is needed, and rests for at most 5 s if the shard is needed', () => {
    const silent = lifeAfter(newLife({ ...pace, firstRestMs: 60_000 }), [connected, passed, unanswered]);
    const line = (s: number) => `warn: is unresponsive and gets no calls for ${s} s: no answers`;
    expect(told(lifecycle(silent, time, 0))).toEqual(['unresponsive', line(60), 'wake after 50']);
    expect(told(lifecycle(silent, needed, 0))).toEqual(['unresponsive', line(5), 'wake after 50']);
    const resting = lifeAfter(silent, [needed]);
    expect(told(lifecycle(resting, time, 5_000))).toEqual(['unresponsive', 'wake after 50']);
    const back = ['validating', 'forgetCalls', 'check golden: 0 suspects and 8'];
    expect(told(lifecycle(resting, needed, 5_000))).toEqual(back);
    expect(told(lifecycle(resting, time, 60_000))).toEqual(back);
    expect(lifeAfter(resting, [lost, connected], 1_000)).toMatchObject({
      state: 'unresponsive',
      rest: { fromMs: 1_000, untilMs: 60_000 },
    });
  });
});

describe('without golden rows', () => {
  const stranger: ShardEvent = { ...connected, peer: { ...peer, check: 'any' } };
  const here: ShardEvent = { ...connected, peer: { ...peer, check: 'none' } };

  test('a shard is available at once, and is checked unless it is in this thread', () => {
    expect(told(lifecycle(newLife(pace), stranger, 0)).slice(-2)).toEqual([
      'tell',
      'check any: 0 suspects and 0',
    ]);
    expect(told(lifecycle(newLife(pace), here, 0))).toEqual([
      'available',
      'tell',
      'info: is connected: f32',
      'forgetCalls',
      'tell',
    ]);
  });

  test('a shard that did not answer calls must answer something before it is used', () => {
    const resting = lifeAfter(newLife(pace), [stranger, unanswered, time]);
    expect(told(lifecycle(resting, time, 1_000))).toEqual([
      'validating',
      'forgetCalls',
      'check any: 0 suspects and 8',
    ]);
    expect(lifeAfter(resting, [time, passed], 1_000).state).toBe('available');
  });
});

test.each([
  ['silent', 'warn: is away: no', 'dial after 1600'],
  ['misfit', 'warn: is not used: no', 'dial after 10000'],
  ['sibling', 'info: is not used: no', 'dial after 3000'],
] as const)('a shard that could not be reached, or does not fit, is dialled again: %s', (why, line, dial) => {
  const life = { ...newLife(pace), failures: 4 };
  const event: ShardEvent = { type: 'unreached', why, message: 'no', random: 1, longestMs: 0 };
  expect(told(lifecycle(life, event, 0))).toEqual(['away', line, dial]);
});

describe('after any events in any order', () => {
  const some = fc.tuple(
    fc.oneof(
      fc.constantFrom<ShardEvent>(...Object.values(events)),
      fc.constantFrom<ShardEvent>(
        { ...connected, peer: { ...peer, check: 'any' } },
        { ...time, needed: true },
      ),
    ),
    fc.nat(8_000),
  );
  const history = fc.array(some, { maxLength: 80 });

  /** Calls `check` for every step of random histories of events. */
  function holds(
    check: (before: Life, event: ShardEvent, actions: Action[], next: Life, nowMs: number) => void,
  ) {
    fc.assert(
      fc.property(fc.constantFrom(...states), history, (start, happened) => {
        let life = lifeAfter(newLife(pace), ways[start]);
        let nowMs = 0;
        for (const [event, ms] of happened) {
          nowMs += ms;
          const { life: next, actions } = lifecycle(life, event, nowMs);
          check(life, event, actions, next, nowMs);
          life = next;
        }
      }),
      { seed: 43, numRuns: 2_000 },
    );
  }

  test('a ban ends only when its time is over, or the shard is needed or removed', () => {
    let bans = 0;
    holds((before, event, _, next, nowMs) => {
      if (before.state !== 'banned' || next.state === 'banned') return;
      bans++;
      if (next.state === 'retired') return expect(event).toEqual(removed);
      expect(next.state).toBe('away');
      expect(event.type === 'time' && (event.needed || nowMs >= before.ban.untilMs)).toBe(true);
    });
    expect(bans).toBeGreaterThan(0);
  });

  test('the fleet is notified when a shard enters or leaves service, and a shard that goes away is dialled again', () => {
    holds((before, _, actions, next) => {
      const lines = actions.map(lineOf);
      const isIn = ({ state }: Life) => state === 'available';
      if (isIn(before) !== isIn(next)) expect(lines).toContain('tell');
      if (lines.includes('wake after 0') && isIn(before))
        expect(lines.indexOf('tell')).toBeLessThan(lines.indexOf('wake after 0'));
      const goesAway = next.state === 'away' && before.state !== 'away';
      if (goesAway) expect(lines.some((line) => /^(dial|wake) after/.test(line))).toBe(true);
    });
  });

  test('only a shard with a connection is in a connected state, and a retired shard stays retired', () => {
    holds((before, _, actions, next) => {
      if (['away', 'banned'].includes(next.state)) expect(next.peer).toBeUndefined();
      else if (next.state !== 'retired') expect(next.peer).toBeDefined();
      if (before.state !== 'retired') return;
      expect(next.state).toBe('retired');
      expect(actions.filter((action) => !['hangUp', 'log', 'tell'].includes(action.do))).toEqual([]);
    });
  });
});
