import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withContext } from '../../bench/growth/context.ts';
import { IN_PROCESS, type Point, setupsOf, tableNames, tablesNamed } from '../../bench/growth/points.ts';
import { plotOf, rowsTable, tableOf, textOf } from '../../bench/growth/tables.ts';
import { decodeWork, growthOf, prefillWork } from '../../bench/growth/work.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { nano } from '../support/models/nano.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';

const shape = {
  hidden: 8,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 2,
  experts: 6,
  expertsPerToken: [1, 1],
  inner: 3,
  vocab: 100,
};

describe('work', () => {
  it('of a decode step counts weights and earlier tokens of every row', () => {
    const layer = 8 * 2 * (2 * 4 + 2 * 2) + 8 * 6 + 3 * 8 * 3;
    expect(decodeWork(shape, 1, 0)).toBe(2 * layer + 800);
    expect(decodeWork(shape, 3, 10)).toBe(3 * (2 * layer + 800 + 2 * 2 * 4 * 2 * 10));
  });

  it('of a prompt is that of its rows, of which only the last needs the head', () => {
    const rows = [0, 1, 2, 3].map((earlier) => decodeWork({ ...shape, vocab: 0 }, 1, earlier));
    expect(prefillWork(shape, 2, 4)).toBe(2 * (rows.reduce((sum, each) => sum + each) + 800));
  });

  it('grows slower than time where a point is marked', () => {
    const points = [
      { work: 10, time: 1 },
      { work: 20, time: 2.1 },
      { work: 20, time: 4.2 },
    ];
    expect(growthOf(points)).toEqual([
      { work: 1, time: 1, outgrows: false },
      { work: 2, time: 2.1, outgrows: false },
      { work: 1, time: 2, outgrows: true },
    ]);
  });
});

describe('tables', () => {
  const setups = setupsOf(tablesNamed('shards'), true);
  const samples = new Map<Point, number[]>();
  for (const point of setups.flatMap(({ points }) => points)) samples.set(point, [9, point.x + 1, 1]);
  const table = tableOf('shards', samples, shape);

  it('have medians and rates', () => {
    expect(table.lines.map(({ name }) => name)).toEqual(['decode, 1 stream', 'decode, 8 streams', 'prefill']);
    const [, eight, prefill] = table.lines;
    expect(eight!.points.map(({ x, ms, rate }) => [x, ms, rate])).toEqual([
      [IN_PROCESS, 1, 8000],
      [1, 2, 4000],
      [4, 5, 1600],
    ]);
    expect(prefill!.points[2]!.rate).toBe((1000 * 8 * 128) / 5);
  });

  it('mark in their text where time grew faster than work', () => {
    const text = textOf(table);
    expect(text[0]).toBe('Shards on one machine: decode, 1 stream');
    expect(text[3]).toMatch(/^in process \| +1000 \| 1\.000 \| +\| +\| +$/);
    expect(text[4]).toMatch(/^1 +\| +500 \| 2\.000 \| x 2\.00 \| x 1\.00 \| \*$/);
  });

  it('become plots, in which the speed in process is a level', () => {
    const { series, y } = plotOf(table);
    expect(y.label).toBe('tokens a second');
    expect(series.slice(0, 2)).toEqual([
      {
        name: 'decode, 1 stream',
        points: [
          [1, 500],
          [4, 200],
        ],
      },
      {
        name: 'decode, 1 stream, in process',
        points: [
          [1, 1000],
          [4, 1000],
        ],
      },
    ]);
    const hop = plotOf(rowsTable(new Map([['hop', new Map([[64, [0.5, 0.7, 0.6]]])]])));
    expect(hop).toMatchObject({ y: { label: 'µs' }, series: [{ name: 'hop', points: [[64, 600]] }] });
  });

  it('are refused if there is none of the name', () => {
    expect(tablesNamed(tableNames.join(','))).toEqual(tableNames);
    expect(() => tablesNamed('streams,rounds')).toThrow('--tables: no table rounds');
  });
});

it('a bundle gets a longer context and keeps its weights', async () => {
  const to = join(await tinyFolder(), 'longer');
  await withContext(nano, to, 16_384);
  const [longer, model] = [await openBundle(to), await openBundle(nano)];
  expect(longer.config).toEqual({ ...model.config, context: 16_384 });
  expect(longer.manifest.identity).toBe(model.manifest.identity);
  expect(longer.manifest.contentHash).not.toBe(model.manifest.contentHash);
  expect(await readFile(join(to, 'dense.safetensors'))).toEqual(
    await readFile(join(nano, 'dense.safetensors')),
  );
  await longer.close();
  await model.close();
});
