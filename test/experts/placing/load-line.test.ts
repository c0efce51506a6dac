import { expect, test } from 'vitest';
import { LoadLine } from '../../../experts/placing/load-line.ts';

const units = Array.from({ length: 4 }, (_, expert) => ({ layer: 0, expert }));

test('every unit is tried once before a unit is tried again; then the failed unit that waits longest is next', () => {
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

test('the wait of a unit doubles after each failure, up to 5 s', () => {
  const line = new LoadLine(units.slice(0, 1));
  let now = 0;
  const waits = Array.from({ length: 7 }, () => {
    const turn = line.next(now)!;
    now += turn.inMs;
    return line.failed(turn.next, now);
  });
  expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

test('if every unit fails, at most one unit a second is tried; a unit that is loaded ends the pause', () => {
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
