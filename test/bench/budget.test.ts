import { expect, it } from 'vitest';
import { budgetOf, budgetTable, hopBudgetUs } from '../../bench/comparison/budget.ts';
import { rowsNamed } from '../../bench/comparison/rows.ts';
import { Samples } from '../../bench/comparison/samples.ts';

it('a step of 30.8 ms in 56 layers leaves 183 µs a hop for 0.75x of the speed, and 97 µs for 0.85x', () => {
  expect(hopBudgetUs(30.8, 0.75, 56)).toBeCloseTo(183, 0);
  expect(hopBudgetUs(30.8, 0.85, 56)).toBeCloseTo(97, 0);
});

it('the table has a line for each number of shards and streams that was measured, and what a hop cost', () => {
  const samples = new Samples();
  samples.add('local', 'decode-16', 1000 / 30.8);
  samples.add('sharded', 'decode-16', 1000 / 61.6);
  samples.add('local', 'decode-8-streams', 8000 / 100);
  samples.add('one-shard', 'decode-8-streams', 8000 / 128);
  samples.add('local', 'decode-512', 30);
  const rows = rowsNamed('decode-16,decode-512,one-shard-1,one-shard-8,shards-1,memory-shards');
  const lines = budgetOf(rows, samples, 56);
  expect(lines.map(({ title }) => title)).toEqual([
    '1 shard, decode, 8 streams',
    '4 shards, decode, 1 stream',
  ]);
  expect(lines[0]!.costUs).toBeCloseTo(500, 3);
  expect(lines[1]!.costUs).toBeCloseTo(550, 3);
  const text = budgetTable(lines);
  expect(text[0]).toMatch(/0\.75x leaves, µs a hop \| 0\.85x leaves, µs a hop \| measured, µs a hop$/);
  expect(text.at(-1)).toMatch(
    /^4 shards, decode, 1 stream \| +30\.8 \| +61\.6 \| +0\.50x \| +183 \| +97 \| +550$/,
  );
});
