import { expect, test } from 'vitest';
import { LoadLine } from '../../../experts/placing/load-line.ts';

const units = Array.from({ length: 4 }, (_, expert) => ({ layer: 0, expert }));

test('each is tried once, in order, before any is tried again; then those that failed, longest waiting first', () => {
  const line = new LoadLine(units);
  const tried: number[] = [];
  let now = 0;
  for (let turn = line.next(now); turn !== undefined; turn = line.next(now)) {
    now += turn.inMs;
    const { expert } = turn.next.unit;
    tried.push(expert);
    if (expert < 2 && tried.length <= 5) line.failed(turn.next, now);
    else line.loaded(turn.next);
  }
  expect(tried).toEqual([0, 1, 2, 3, 0, 1, 0]);
});

test('a unit waits twice as long after each failure, at most five seconds', () => {
  const line = new LoadLine(units.slice(0, 1));
  let now = 0;
  const waits = Array.from({ length: 7 }, () => {
    const turn = line.next(now)!;
    now += turn.inMs;
    return line.failed(turn.next, now);
  });
  expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

test('where all fail, at most one a second is tried in the end; one that is loaded ends the pauses', () => {
  const line = new LoadLine(Array.from({ length: 100 }, (_, expert) => ({ layer: 0, expert })));
  const pauses: number[] = [];
  let now = 1;
  for (let i = 0; i < 9; i++) {
    const turn = line.next(now)!;
    pauses.push(turn.inMs);
    now += turn.inMs;
    line.failed(turn.next, now);
  }
  expect(pauses).toEqual([0, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
  const turn = line.next(now + 1_000)!;
  line.loaded(turn.next);
  expect(line.next(now + 1_000)).toMatchObject({ next: { unit: { expert: 10 } }, inMs: 0 });
});
