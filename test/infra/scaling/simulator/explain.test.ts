// The reasons that the simulator gives for its worst minutes.
import { expect, test } from 'vitest';
import type { Change } from '../../../../infra/scaling/scaler.ts';
import { type CellModel, exampleCell } from '../../../../infra/scaling/simulator/cell-model.ts';
import { explain, worstMinutes } from '../../../../infra/scaling/simulator/explain.ts';
import type { Minute } from '../../../../infra/scaling/simulator/minutes.ts';
import type { Outcome } from '../../../../infra/scaling/simulator/simulate.ts';
import type { Traffic } from '../../../../infra/scaling/simulator/traffic.ts';

const cell: CellModel = { ...exampleCell, groups: exampleCell.groups.slice(0, 2) };
const noon = 12 * 3600;
const traffic: Traffic = {
  ...{ seconds: 86_400, rate: () => 1, shape: { prompt: length(), answer: length() } },
  events: [{ name: 'launch ×5', from: noon + 180, to: noon + 900, factor: () => 5 }],
};

function length() {
  return { median: 100, sigma: 0.5, most: 500 };
}

const minute = (second: number, more: Partial<Minute>): Minute => ({
  ...{
    second,
    requests: 60,
    replicas: [ready(2), ready(2), ready(2)],
    waitP99: 0,
    queueSeconds: 0,
  },
  ...{ kvUsed: 0.2, utilisation: [0.3, 0.3], late: 0, coreHours: 0, gibHours: 0 },
  ...more,
});

function ready(count: number) {
  return { current: count, ready: count };
}

const change = (at: number, target: string, from: number, to: number): Change => {
  return { at, target, from, to, wanted: to, because: 'queue_seconds' };
};

const outcome = (minutes: Minute[], changes: Change[]): Outcome => ({
  ...{ minutes, changes, waits: new Float64Array(), runs: new Float64Array() },
  ...{ requests: 0, served: 0, refused: 0, open: 0 },
});

test('a spike is named with its time, with what was full, and with when gateways were asked for and ready', () => {
  const spike = minute(noon + 240, {
    requests: 300,
    late: 90,
    kvUsed: 0.9,
    replicas: [ready(24), ready(2), ready(2)],
  });
  const changes = [change(noon + 210, 'gateways', 2, 4), change(noon + 225, 'gateways', 4, 8)];
  const told = explain({ outcome: outcome([minute(noon - 360, {}), spike], changes), cell, traffic }, spike);
  expect(told).toBe(
    'launch ×5 from 12:03: 5.0 requests/s (1.0 ten minutes before); all gateways were full (KV memory 90 % used); ' +
      'gateways 2→4→8, the limit; asked at +30, +45 s (queue_seconds), ready at +75, +90 s',
  );
});

test('a group that computes too few rows is named with its shards', () => {
  const late = minute(3600, { late: 5, utilisation: [0.5, 1.6] });
  const told = explain({ outcome: outcome([late], [change(3610, 'b', 2, 3)]), cell, traffic }, late);
  expect(told).toContain('group b was asked for 1.6 times what it computes');
  expect(told).toContain('shards of b 2→3; asked at +70 s (queue_seconds), ready at +130 s');
});

test('without an event, the incident begins a minute before the first minute in a row in which requests waited', () => {
  const minutes = [0, 1, 2, 3].map((i) => minute(7_200 + 60 * i, { late: i === 0 ? 0 : 3 }));
  const last = minutes.at(-1) ?? minute(0, {});
  const told = explain({ outcome: outcome(minutes, [change(7_210, 'gateways', 2, 3)]), cell, traffic }, last);
  expect(told).toContain('gateways 2→3; asked at +10 s (queue_seconds), ready at +55 s');
});

test('a minute without a ready gateway says so', () => {
  const none = minute(0, { late: 1, replicas: [{ current: 1, ready: 0 }, ready(1), ready(1)] });
  expect(explain({ outcome: outcome([none], []), cell, traffic }, none)).toBe(
    '1.0 requests/s; no gateway was ready; gateways 0 of 1 ready',
  );
});

test('the worst minutes are those in which most requests waited too long, then those with the longest waits', () => {
  const minutes = [
    minute(0, { late: 1, waitP99: 50 }),
    minute(60, { late: 7, waitP99: 11 }),
    minute(120, { waitP99: 9 }),
    minute(180, { waitP99: 2 }),
  ];
  expect(worstMinutes(outcome(minutes, []), 3).map(({ second }) => second)).toEqual([60, 0, 120]);
});
