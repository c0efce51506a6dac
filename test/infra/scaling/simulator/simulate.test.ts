// Properties of simulated cells: nothing is lost, limits hold, and more traffic needs no fewer pods.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupRules } from '../../../../infra/scaling/rules.ts';
import { type CellModel, exampleCell, movingHeat } from '../../../../infra/scaling/simulator/cell-model.ts';
import { defaultRules, settingsOf } from '../../../../infra/scaling/simulator/settings.ts';
import { type Outcome, simulate } from '../../../../infra/scaling/simulator/simulate.ts';
import { type ArrivingRequest, arrivals, type Traffic } from '../../../../infra/scaling/simulator/traffic.ts';
import { uniform } from '../../../support/random.ts';

const GROUPS = 2;
const cell: CellModel = {
  ...exampleCell,
  gateway: { ...exampleCell.gateway, min: 1, max: 6, startSeconds: 20, drainSeconds: 20 },
  groups: exampleCell.groups
    .slice(0, GROUPS)
    .map((group) => ({ ...group, min: 1, max: 4, startSeconds: 20 })),
  heat: (second) => movingHeat(second, GROUPS),
};
const rules = defaultRules(groupRules(6_000));
const shape = {
  prompt: { median: 100, sigma: 0.7, most: 1_000 },
  answer: { median: 60, sigma: 0.7, most: 500 },
};

function steady(rate: number, seconds: number): Traffic {
  return { seconds, rate: () => rate, shape, events: [] };
}

function run(
  requests: readonly ArrivingRequest[],
  seconds: number,
  { toZero = false, model = cell }: { toZero?: boolean; model?: CellModel } = {},
): Outcome {
  const settings = settingsOf(model, { ...rules, toZero });
  const start = [model.gateway, ...model.groups].map(({ min }) => min);
  return simulate({ cell: model, requests, seconds, steering: { by: 'rules', settings }, start });
}

/** Runs `rate` until `busy`, and nothing until `seconds`. */
function burst(rate: number, busy: number, seconds: number, seed = 1): ArrivingRequest[] {
  return arrivals({ ...steady(rate, seconds), rate: (second) => (second < busy ? rate : 0) }, uniform(seed));
}

test('every request is served, refused or still open, whatever the traffic', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 6, noNaN: true }),
      fc.nat(1_000),
      fc.boolean(),
      (rate, seed, toZero) => {
        const requests = arrivals(steady(rate, 300), uniform(seed));
        const outcome = run(requests, 300, { toZero });
        expect(outcome.requests).toBe(requests.length);
        expect(outcome.served + outcome.refused + outcome.open).toBe(requests.length);
      },
    ),
    { numRuns: 6, seed: 1 },
  );
});

test('all requests are served when the traffic has ended, also those of gateways that were removed', () => {
  const requests = burst(5, 120, 1_500);
  const outcome = run(requests, 1_500);
  expect(outcome).toMatchObject({ served: requests.length, refused: 0, open: 0 });
  expect(outcome.changes.some(({ target, from, to }) => target === 'gateways' && to < from)).toBe(true);
  expect([...outcome.waits, ...outcome.runs].every((seconds) => seconds >= 0)).toBe(true);
});

test('requests that no queue has room for are refused, and counted as late', () => {
  const model = { ...cell, gateway: { ...cell.gateway, waiting: 2, sequences: 2, max: 1 } };
  const outcome = run(burst(4, 120, 300), 300, { model });
  expect(outcome.refused).toBeGreaterThan(100);
  expect(outcome.served + outcome.refused + outcome.open).toBe(outcome.requests);
  const late = outcome.minutes.reduce((sum, minute) => sum + minute.late, 0);
  expect(late).toBeGreaterThanOrEqual(outcome.refused);
});

test('the same seed gives the same run, another seed another one', () => {
  const [a, b, c] = [1, 1, 2].map((seed) => run(burst(3, 200, 300, seed), 300));
  expect(a).toEqual(b);
  expect(a?.minutes).not.toEqual(c?.minutes);
});

test('replicas stay within their limits, and every group keeps one, whatever the traffic', () => {
  for (const rate of [0.1, 2, 20]) {
    const { minutes } = run(burst(rate, 300, 900), 900);
    for (const { replicas } of minutes) {
      const [gateways, ...groups] = replicas.map(({ current }) => current);
      expect(gateways).toBeGreaterThanOrEqual(1);
      expect(gateways).toBeLessThanOrEqual(cell.gateway.max);
      expect(Math.min(...groups)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...groups)).toBeLessThanOrEqual(4);
    }
  }
});

test('more steady traffic never has fewer pods on average', () => {
  const means = [0.5, 1.5, 3, 5].map((rate) => {
    const { minutes } = run(arrivals(steady(rate, 1_200), uniform(1)), 1_200);
    const last = minutes.slice(10);
    return last.reduce((sum, { replicas }) => sum + (replicas[0]?.ready ?? 0), 0) / last.length;
  });
  expect(means).toEqual(means.toSorted((a, b) => a - b));
  expect(means.at(-1)).toBeGreaterThan(3);
});

test('a cell that may go to zero does so after the cooldown, and a request wakes the gateways and every group', () => {
  const seconds = 1_500;
  const late = { at: 1_000, prompt: 50, answer: 20 };
  const outcome = run([...burst(0.5, 60, 60), late], seconds, { toZero: true });
  const at = (minute: number) => outcome.minutes[minute]?.replicas.map(({ current }) => current);
  expect(at(2)).toEqual([1, 1, 1]);
  expect(at(15)).toEqual([0, 0, 0]);
  expect(at(17)).toEqual([1, 1, 1]);
  expect(outcome).toMatchObject({ served: outcome.requests, open: 0 });
  const wait = outcome.waits.at(-1);
  expect(wait).toBeGreaterThanOrEqual(cell.gateway.startSeconds);
  expect(wait).toBeLessThan(cell.gateway.startSeconds + rules.timing.pollingSeconds + 2);
});

test('pods that start and pods that leave cost money', () => {
  const fixed = (counts: number[]) => {
    return simulate({
      cell,
      requests: [],
      seconds: 600,
      steering: { by: 'plan', counts: () => counts },
      start: counts,
    });
  };
  const hours = fixed([2, 1, 1]).minutes.reduce((sum, { coreHours }) => sum + coreHours, 0);
  expect(hours).toBeCloseTo((600 / 3600) * (2 * 4 + 2 * 2), 6);
  const counts = (second: number) => (second < 300 ? [2, 1, 1] : [1, 1, 1]);
  const { minutes } = simulate({
    ...{ cell, requests: [], seconds: 600, start: [1, 1, 1] },
    steering: { by: 'plan', counts },
  });
  expect(minutes[0]?.replicas[0]).toEqual({ current: 2, ready: 2 });
  expect(minutes[0]?.coreHours).toBeCloseTo(hours / 10, 6);
});

test('a request that no KV cache has room for is an error that names it', () => {
  const requests = [{ at: 1, prompt: 9_000, answer: 1 }];
  expect(() => run(requests, 60)).toThrow('request 0 has 9001 tokens, but a gateway has room for 9000');
});
