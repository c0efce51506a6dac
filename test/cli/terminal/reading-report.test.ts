// Checks the progress report of reading ahead: nothing if it is fast, a bar at a terminal, a log line at every quarter elsewhere.
import { expect, it } from 'vitest';
import { addUp, readingReport } from '../../../cli/terminal/reading-report.ts';

function record(isTTY: boolean) {
  const written: string[] = [];
  const logged: string[] = [];
  let clock = 0;
  const report = readingReport({
    log: { info: (message: unknown) => void logged.push(String(message)) },
    stream: { isTTY, columns: 100, write: (text) => written.push(text) },
    now: () => clock,
  });
  return { report, written, logged, tick: (ms: number) => (clock += ms) };
}

it.each([true, false])('reports nothing if all is read within two seconds (terminal: %s)', (isTTY) => {
  const { report, written, logged, tick } = record(isTTY);
  for (let done = 0; done <= 100; done++, tick(19)) report.update(done * 1e6, 1e8);
  report.hide();
  expect(written).toEqual([]);
  expect(logged).toEqual([]);
});

it('logs every quarter if there is no terminal', () => {
  const { report, written, logged, tick } = record(false);
  for (let done = 0; done <= 100; done++, tick(700)) report.update(done * 1.127e8, 1.127e10);
  expect(written).toEqual([]);
  expect(logged).toEqual([
    'reading experts ahead: 25 %, 2.82 GB of 11.27 GB',
    'reading experts ahead: 50 %, 5.63 GB of 11.27 GB',
    'reading experts ahead: 75 %, 8.45 GB of 11.27 GB',
    'reading experts ahead: 100 %, 11.27 GB of 11.27 GB',
  ]);
});

it('draws a bar at a terminal, clears its line on hide(), and ends the line at the end', () => {
  const { report, written, logged, tick } = record(true);
  for (let done = 0; done <= 50; done++, tick(100)) report.update(done * 1e6, 1e8);
  expect(written.at(-1)).toContain('reading experts ahead [');
  expect(written.at(-1)).toContain('50 %');
  report.hide();
  expect(written.at(-1)).toBe('\r\x1b[K');
  report.update(1e8, 1e8);
  expect(written.at(-1)).toBe('\n');
  expect(written.at(-2)).toContain('100 %');
  expect(logged).toEqual([]);
});

it('addUp reports sums as soon as every part has reported', () => {
  const sums: [number, number][] = [];
  const [first, second] = addUp(2, (done, total) => sums.push([done, total]));
  first?.(10, 10);
  second?.(1, 20);
  second?.(20, 20);
  expect(sums).toEqual([
    [11, 30],
    [30, 30],
  ]);
});
