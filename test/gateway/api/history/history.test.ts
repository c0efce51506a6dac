// The history of the console: rates, quantiles and largest values between two samples, and its memory.
import { describe, expect, test } from 'vitest';
import {
  columns,
  type EngineTotals,
  History,
  seriesOf,
} from '../../../../gateway/api/endpoints/history/history.ts';
import { createTally, quantile } from '../../../../gateway/api/endpoints/history/tally.ts';

const START = 1_700_000_040_000; // the beginning of a minute
const engines = (change: Partial<EngineTotals> = {}): EngineTotals => ({
  ...{ prompt_tokens: 0, generated_tokens: 0, running: 0, waiting: 0, kv_used: 0 },
  ...change,
});

function open() {
  const tally = createTally({ first: [0.1, 1], next: [0.01, 0.1] });
  return { tally, history: new History(tally) };
}

describe('seconds', () => {
  test('have the rates and quantiles since the last sample', () => {
    const { tally, history } = open();
    history.sample(START, engines({ generated_tokens: 100 }));
    Object.assign(tally, { requests: 4, errors: 1, refused: 2 });
    for (const seconds of [0.05, 0.05, 0.5, 0.5]) tally.firstToken.observe(seconds);
    history.sample(START + 1_000, engines({ generated_tokens: 150, running: 3, waiting: 2, kv_used: 0.25 }));
    const { startMs, columns: values } = history.seconds.since(0);
    expect(startMs).toBe(START + 1_000);
    expect(seriesOf({ startMs, columns: values })).toEqual({
      ...{ requests: [4], errors: [1], refused: [2], prompt_tokens: [0], generated_tokens: [50] },
      ...{ first_token_median: [0.1], first_token_p95: [0.91] },
      ...{ next_token_median: [null], next_token_p95: [null] },
      ...{ running: [3], waiting: [2], kv_used: [0.25] },
    });
  });

  test('are filled if a sample is late, and stay unknown in a long pause', () => {
    const { history } = open();
    for (const [after, generated_tokens] of [
      [0, 0],
      [990, 10],
      [3_010, 30],
      [60_000, 100],
    ] as const)
      history.sample(START + after, engines({ generated_tokens }));
    const { generated_tokens: values } = seriesOf(history.seconds.since(0));
    expect(values.slice(0, 4)).toEqual([10.1, 9.901, 9.901, 9.901]);
    expect(values.slice(4, -1).every((value) => value === null)).toBe(true);
    expect(values.at(-1)).toBe(1.228);
  });

  test('have rates of requests but no values of engines if an engine did not answer', () => {
    const { tally, history } = open();
    history.sample(START, engines());
    tally.requests = 3;
    history.sample(START + 1_000, undefined);
    const series = seriesOf(history.seconds.since(0));
    expect([series.requests, series.generated_tokens, series.running]).toEqual([[3], [null], [null]]);
  });
});

describe('minutes', () => {
  test('are written when they are over, with rates of the whole minute and the largest values of gauges', () => {
    const { tally, history } = open();
    for (let second = 0; second <= 60; second++) {
      tally.requests = second;
      history.sample(START + second * 1_000, engines({ running: second === 30 ? 7 : 1 }));
      const told = history.minutes.since(0).columns[0]?.length;
      expect([second, told]).toEqual([second, second < 60 ? 0 : 1]);
    }
    const series = seriesOf(history.minutes.since(0));
    expect([series.requests, series.running]).toEqual([[1], [7]]);
  });
});

test('the history takes less than 100 kB', () => {
  const { history } = open();
  expect(history.seconds.rows * history.seconds.stepMs).toBe(600_000);
  expect(history.minutes.rows * history.minutes.stepMs).toBe(86_400_000);
  expect(history.seconds.bytes + history.minutes.bytes).toBe(4 * columns.length * (600 + 1_440));
  expect(history.seconds.bytes + history.minutes.bytes).toBeLessThan(100_000);
});

test('a quantile lies inside its bucket and never above the last bound', () => {
  expect(quantile([0.1, 1], [0, 0, 0], 0.5)).toBeUndefined();
  expect(quantile([0.1, 1], [2, 2, 0], 0.5)).toBeCloseTo(0.1);
  expect(quantile([0.1, 1], [2, 2, 0], 0.95)).toBeCloseTo(0.91);
  expect(quantile([0.1, 1], [0, 0, 5], 0.5)).toBe(1);
});
