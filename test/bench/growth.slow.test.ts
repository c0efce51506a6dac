// Runs bench/growth on nano with few points, as a user does.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Table } from '../../bench/growth/tables.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';
import { startProcess } from '../support/process.ts';

const bench = join(import.meta.dirname, '..', '..', 'bench', 'growth', 'run.ts');

it('bench/growth prints every table and writes a plot of each', async () => {
  const plots = join(await tinyFolder(), 'plots');
  const run = startProcess(process.execPath, [bench, '--quick', '--patience', '0', '--plots', plots]);
  expect(await run.exit).toEqual({ code: 0, signal: null });
  const { tables } = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as { tables: Table[] };
  expect(tables.map(({ name }) => name)).toEqual(['streams', 'context', 'shards', 'rows']);
  for (const { name, lines } of tables) {
    expect(lines.length).toBeGreaterThan(1);
    for (const { points } of lines) {
      expect(points).toHaveLength(3);
      for (const { ms } of points) expect(ms).toBeGreaterThan(0);
    }
    expect(await readFile(join(plots, `growth-${name}.svg`), 'utf8')).toContain('</svg>');
    expect(run.stdout).toContain(lines[0]!.name);
  }
  expect(await readdir(plots)).toHaveLength(4);
});
