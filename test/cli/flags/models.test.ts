import { cp } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { several } from '../../../cli/flags/flags.ts';
import { namedModels, openModels } from '../../../cli/flags/models.ts';
import { tinyBundle, tinyFolder } from '../../support/models/tiny-bundle.ts';

test('a model has the name of its directory, or the name in NAME=DIR', () => {
  expect(namedModels(['/data/moe', 'v2=/data/moe-2', './a=b'])).toEqual([
    { id: 'moe', dir: '/data/moe' },
    { id: 'v2', dir: '/data/moe-2' },
    { id: 'a=b', dir: resolve('a=b') },
  ]);
  const [embedded] = namedModels();
  expect(embedded?.id).toBe('nano');
  expect(embedded?.dir).toContain(join('models', 'nano'));
});

test('two models of the same name are refused with the syntax for another name', () => {
  const named = () => namedModels(['/data/moe', '/other/moe']);
  expect(named).toThrow('two models are called moe; give /other/moe a name of its own: --model NAME=DIR');
});

test('two bundles of one checkpoint are refused at any precision, and bundles of two checkpoints are opened', async () => {
  const first = await tinyBundle({ experts: 8, layers: 1 });
  const other = await tinyBundle({ experts: 8, layers: 1, seed: 2 });
  const precise = await tinyBundle({ experts: 8, layers: 1, bits: 8 });
  const copy = join(await tinyFolder(), 'copy');
  await cp(first, copy, { recursive: true });
  const named = (...dirs: string[]) => dirs.map((dir, i) => ({ id: `m${i}`, dir }));
  const opened = await openModels(named(first, other), { device: 'cpu' });
  expect(opened.map(({ id, dir, experts }) => [id, basename(dir), experts])).toEqual([
    ['m0', 'tiny', 8],
    ['m1', 'tiny', 8],
  ]);
  expect(opened[0]?.identity).not.toBe(opened[1]?.identity);
  for (const twin of [precise, copy]) {
    const both = openModels(named(first, other, twin), { device: 'cpu' });
    await expect(both).rejects.toThrow(`${first} and ${twin} are bundles of one checkpoint`);
  }
});

test('a repeated flag collects values, and its environment variable has one value per line', () => {
  expect(several('b', several('a'))).toEqual(['a', 'b']);
  expect(several('a\n b \n\n')).toEqual(['a', 'b']);
});
