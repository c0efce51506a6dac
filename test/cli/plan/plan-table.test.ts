// Checks the text of a plan: predictions beside those of contiguous placement, and a line for each shard.
import { expect, it } from 'vitest';
import { fewerWarning, planTable } from '../../../cli/plan/plan-table.ts';
import type { Plan } from '../../../infra/placement/plan.ts';

const prediction = {
  loads: [
    [0.5, 0.5],
    [0.25, 0.75],
  ],
  hottest: 1.25,
  frames: 3.5,
  hops: 2,
  home: 0,
  staying: undefined,
  stepMicroseconds: 1_500,
};
const plan: Plan = {
  layout: [],
  units: [2, 4],
  predicted: prediction,
  contiguous: { ...prediction, hottest: 1.5, stepMicroseconds: 2_250 },
  contiguousFits: true,
  fewer: undefined,
  home: undefined,
};
const options = { plan, names: ['a', 'a-long-name'], unitBytes: 1_000_000, rows: 8, counted: 1234.4 };
const lineOf = (text: string, title: string) => text.split('\n').find((line) => line.startsWith(title));

it('states the shards, the rows and the heat of the plan in its first line', () => {
  expect(planTable(options)).toMatch(/^2 shards, 8 rows per step, heat of 1234 rows per layer\n/);
});

it('shows each prediction beside that of contiguous placement', () => {
  const table = planTable(options);
  expect(lineOf(table, 'predicted')?.split(/ +/)).toEqual(['predicted', 'contiguous', 'plan']);
  expect(lineOf(table, 'hottest / mean')).toMatch(/ 1\.500 +1\.250$/);
  expect(lineOf(table, 'step')).toMatch(/ 2\.25 ms +1\.50 ms$/);
  expect(table).not.toContain('stay');
});

it('shows the share of rows that stay on their shard, if the heat has transitions', () => {
  const staying = { ...plan, predicted: { ...prediction, staying: 0.421 } };
  expect(lineOf(planTable({ ...options, plan: staying }), 'rows that stay')).toMatch(/ 0\.0 % +42\.1 %$/);
});

it('shows what experts on gateways bring, and the flag that holds them', () => {
  expect(planTable(options)).not.toContain('gateway');
  const home = [Uint8Array.of(1, 1, 0), Uint8Array.of(0, 1, 0)];
  const predicted = { ...prediction, hops: 1.25, home: 0.5, stepMicroseconds: 1_200 };
  const table = planTable({
    ...options,
    plan: { ...plan, home: { order: 'hottest', home, predicted, gain: 1.25 } },
  });
  const [, shown = ''] = table.split(/\n(?=predicted for gateways)/);
  expect(shown.split('\n')[0]?.split(/ {2,}/)).toEqual(['predicted for gateways', 'without', 'with']);
  expect(lineOf(shown, 'experts on each gateway')).toMatch(/ 0 +3$/);
  expect(lineOf(shown, 'rows that stay in the gateway')).toMatch(/ 0\.0 % +50\.0 %$/);
  expect(lineOf(shown, 'layers that call shards')).toMatch(/ 2\.0 +1\.3$/);
  expect(lineOf(shown, 'step')).toMatch(/ 1\.50 ms +1\.20 ms$/);
  expect(table).toContain(
    '\n1.25 times as fast, with 3.0 MB on each gateway:\nexpertgrid gateway --experts 0:0-1,1:1\n',
  );
});

it('marks a contiguous placement that does not fit into memory', () => {
  const table = planTable({ ...options, plan: { ...plan, contiguousFits: false } });
  expect(lineOf(table, 'predicted')).toContain('contiguous*');
  expect(table).toContain('\n* does not fit into the memory of every shard\n');
});

it('shows the units, bytes, mean load and highest load of each shard', () => {
  const table = planTable(options);
  expect(lineOf(table, 'a ')?.split(/ {2,}/)).toEqual(['a', '2', '2.0 MB', '37.5 %', '50.0 %']);
  expect(lineOf(table, 'a-long-name')?.split(/ {2,}/)).toEqual([
    'a-long-name',
    '4',
    '4.0 MB',
    '62.5 %',
    '75.0 %',
  ]);
});

it.each([
  [['a'], 'shard a alone holds the model, and is predicted to be 1.50 times as fast'],
  [['a', 'b'], 'shards a, b hold the model, and are predicted to be 1.50 times as fast'],
])('warns that %o are predicted to be faster', (shards, warning) => {
  expect(fewerWarning({ shards, ratio: 1.5 })).toBe(warning);
});
