// Checks what the progress bar draws, how often and where.
import { describe, expect, it } from 'vitest';
import { formatSeconds, progressBar, progressLine } from '../../../cli/terminal/progress.ts';

function record(isTTY: boolean) {
  const written: string[] = [];
  let clock = 0;
  const bar = progressBar({
    label: 'converting',
    stream: { isTTY, columns: 100, write: (text) => written.push(text) },
    now: () => clock,
  });
  return { written, bar, tick: (ms: number) => (clock += ms) };
}

describe('progressLine', () => {
  it('shows percentage, amounts, speed and remaining time', () => {
    const line = progressLine({ label: 'converting', done: 5e9, total: 2e10, rate: 1e8 }, 200);
    expect(line).toMatch(
      /^converting \[#{10}\.{30}\] {2}25 % {2}5\.00 GB of 20\.00 GB {2}100\.0 MB\/s {2}ETA 2:30$/,
    );
  });

  it('names the unit once in the amounts and once in the speed', () => {
    const line = progressLine({ label: 'loading', done: 173, total: 576, rate: 86.4 }, 200, 'parts');
    expect(line).toMatch(/ {2}30 % {2}173 of 576 parts {2}86 parts\/s {2}ETA 0:05$/);
  });

  it('is never wider than the terminal, and omits an unknown speed', () => {
    for (let columns = 10; columns < 120; columns++) {
      const line = progressLine({ label: 'converting', done: 1e9, total: 4e10, rate: 123456789 }, columns);
      expect(line.length).toBeLessThanOrEqual(columns);
    }
    expect(progressLine({ label: 'x', done: 0, total: 10, rate: 0 }, 100)).not.toContain('ETA');
  });

  it('formats times of an hour or more with hours', () => {
    expect([0, 59.2, 61, 3725].map(formatSeconds)).toEqual(['0:00', '1:00', '1:01', '1:02:05']);
  });
});

describe('at a terminal', () => {
  it('redraws one line at most ten times a second, and always draws the last state', () => {
    const { written, bar, tick } = record(true);
    for (let done = 0; done <= 1000; done++) {
      bar.update(done, 1000);
      tick(1);
    }
    bar.end();
    expect(written.length).toBeLessThanOrEqual(13);
    expect(
      written.every((text, i) => (i === written.length - 1 ? text === '\n' : text.startsWith('\r'))),
    ).toBe(true);
    expect(written.at(-2)).toContain('100 %');
  });

  it('takes the speed from the last 10 seconds, so that work of an earlier run does not count', () => {
    const { written, bar, tick } = record(true);
    bar.update(0, 100e9);
    tick(200);
    bar.update(50e9, 100e9);
    for (let second = 1; second <= 20; second++) {
      tick(1000);
      bar.update(50e9 + second * 1e8, 100e9);
    }
    expect(written.at(-1)).toContain('100.0 MB/s');
    expect(written.at(-1)).toContain('ETA 8:00');
  });
});

describe('elsewhere', () => {
  it('writes a line for every 10 %', () => {
    const { written, bar, tick } = record(false);
    for (let done = 0; done <= 1000; done++) {
      bar.update(done * 1e6, 1e9);
      tick(101);
    }
    bar.end();
    expect(written).toHaveLength(10);
    expect(written[0]).toBe('converting 10 %  100.0 MB of 1.00 GB\n');
    expect(written[9]).toBe('converting 100 %  1.00 GB of 1.00 GB\n');
  });
});
