import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ShardEvent, type ShardState, transition } from '../../../router/shards/states.ts';

const states: ShardState[] = ['away', 'banned', 'validating', 'available', 'draining', 'cordoned', 'retired'];
const events: ShardEvent[] = [
  'connected',
  'lost',
  'unstable',
  'paroled',
  'proven',
  'wrong',
  'leaving',
  'removed',
];

interface Step {
  from: ShardState;
  event: ShardEvent;
  to: ShardState;
}

/** The steps that the table allows; other events are passed over, as a shard does. */
function walk(start: ShardState, happened: readonly ShardEvent[]): Step[] {
  const steps: Step[] = [];
  let from = start;
  for (const event of happened) {
    const to = transition(from, event);
    if (to === undefined) continue;
    steps.push({ from, event, to });
    from = to;
  }
  return steps;
}

function holdsFor(steps: (steps: Step[]) => void): void {
  const history = fc.array(fc.constantFrom(...events), { maxLength: 60 });
  fc.assert(
    fc.property(fc.constantFrom(...states), history, (start, happened) => steps(walk(start, happened))),
    { seed: 41, numRuns: 2_000 },
  );
}

test('whatever happens leads to a known state, and never back to the same one', () => {
  holdsFor((steps) => {
    for (const { from, to } of steps) {
      expect(states).toContain(to);
      expect(to).not.toBe(from);
    }
  });
});

test('only being proven while validating makes a shard available', () => {
  holdsFor((steps) => {
    for (const { from, event, to } of steps) {
      if (to === 'available') expect({ from, event }).toEqual({ from: 'validating', event: 'proven' });
      if (event === 'proven') expect(to).toBe('available');
    }
  });
});

test('after a cordon a shard is validated before it is available again', () => {
  holdsFor((steps) => {
    const visited = steps.map(({ to }) => to);
    for (const [at, state] of visited.entries()) {
      if (state !== 'cordoned') continue;
      const back = visited.indexOf('available', at);
      if (back >= 0) expect(visited.slice(at, back)).toContain('validating');
    }
  });
});

test('nothing happens to a retired shard, and any other can be retired', () => {
  for (const event of events) expect(transition('retired', event)).toBeUndefined();
  for (const state of states.slice(0, -1)) expect(transition(state, 'removed')).toBe('retired');
});

test('a wrong answer takes a shard out of service, a lost connection every connected one', () => {
  expect(transition('available', 'wrong')).toBe('cordoned');
  expect(transition('validating', 'wrong')).toBe('cordoned');
  for (const state of ['validating', 'available', 'draining', 'cordoned'] as const) {
    expect(transition(state, 'lost')).toBe('away');
  }
});

test('a shard that leaves gets no calls until it has connected anew', () => {
  holdsFor((steps) => {
    for (const [at, { to }] of steps.entries()) {
      if (to === 'draining' && at + 1 < steps.length)
        expect(['away', 'retired']).toContain(steps[at + 1]!.to);
    }
  });
});
