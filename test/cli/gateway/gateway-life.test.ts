// The life cycle of a gateway process: its phases after each sequence of events, and its exit code.
import { expect, test } from 'vitest';
import { initialLife, type Life, type LifeEvent, lifeAfter } from '../../../cli/gateway/gateway-life.ts';

/** The phases from the start on, then the exit code. */
function lived(...events: LifeEvent[]): string {
  let life: Life = initialLife;
  const phases = [life.phase];
  for (const event of events) {
    life = lifeAfter(life, event);
    phases.push(life.phase);
  }
  return [...phases, life.code].join(' ');
}

test.each<[events: LifeEvent[], life: string]>([
  [['interrupted'], 'loading halting 130'],
  [['terminated'], 'loading halting 0'],
  [['failed', 'interrupted'], 'loading halting halting 1'],
  [['loaded', 'terminated', 'idle'], 'loading serving draining leaving 0'],
  [['loaded', 'interrupted', 'late', 'idle'], 'loading serving draining cutting leaving 0'],
  [['loaded', 'terminated', 'late', 'late'], 'loading serving draining cutting leaving 0'],
  [
    ['loaded', 'interrupted', 'urged', 'idle', 'late'],
    'loading serving draining cutting halting halting 130',
  ],
  [['loaded', 'failed', 'idle'], 'loading serving cutting halting 1'],
  [['loaded', 'failed', 'interrupted'], 'loading serving cutting halting 1'],
  [['loaded', 'terminated', 'failed', 'late'], 'loading serving draining cutting halting 1'],
  [['loaded', 'terminated', 'idle', 'urged'], 'loading serving draining leaving halting 130'],
  [['loaded', 'terminated', 'idle', 'failed'], 'loading serving draining leaving halting 1'],
  [['loaded', 'terminated', 'terminated', 'loaded'], 'loading serving draining draining draining 0'],
])('the events %j lead to the phases and the exit code %j', (events, life) => {
  expect(lived(...events)).toBe(life);
});

test('signals end a process from every phase, and no event changes the phase "halting"', () => {
  const events: LifeEvent[] = ['loaded', 'interrupted', 'terminated', 'urged', 'failed', 'idle', 'late'];
  const known = new Map<string, Life>([['loading 0', initialLife]]);
  for (const life of known.values()) {
    for (const event of events) {
      const next = lifeAfter(life, event);
      known.set(`${next.phase} ${next.code}`, next);
      if (life.phase === 'halting') expect(next).toBe(life);
      if (life.code !== 0) expect(next.code).not.toBe(0);
    }
    if (life.phase !== 'halting') {
      const signals: LifeEvent[] = ['interrupted', 'urged', 'late', 'late'];
      expect(['halting', 'leaving']).toContain(signals.reduce(lifeAfter, life).phase);
    }
  }
  expect(known.size).toBeGreaterThan(8);
});
