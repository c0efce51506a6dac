// `expertgrid grow` as a user meets it: output, exit codes and errors. The slow suite serves what it writes.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { growthOf } from '../../../cli/verbs/bundles/grow.ts';
import { planConversion } from '../../../model/convert/convert.ts';
import { writeCheckpoint } from '../../support/models/checkpoint.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';
import { startCli } from '../../support/process.ts';

it('makes a checkpoint that convert reads, and refuses to write it twice', async () => {
  const folder = await tinyFolder();
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  await writeCheckpoint(from, { layers: 2, experts: 4, k: 2 });
  const args = ['grow', '--from', from, '--to', to, '--width', '--seed', '7'];
  const first = startCli(args);
  expect(await first.exit).toEqual({ code: 0, signal: null });
  expect(first.stderr).toContain('growing 100 %');
  expect(first.stdout).toMatch(new RegExp(`^${to}: [\\d.]+ kB, 2 layers, 8 experts, 4 for each token\n$`));
  expect((await planConversion({ from: to, bits: 4 })).config).toMatchObject({ experts: 8 });
  const second = startCli(args);
  expect(await second.exit).toEqual({ code: 1, signal: null });
  expect(second.stderr).toBe(
    `expertgrid: ${to}: exists and is not empty: choose another directory or delete it\n`,
  );
});

it('one way to grow is required, and settings of another way are refused', () => {
  expect(growthOf({ depth: true })).toEqual({ kind: 'depth', keepEnds: 2 });
  expect(growthOf({ width: true, noise: 0 })).toEqual({ kind: 'width', noise: 0, seed: 0 });
  expect(growthOf({ experts: 8, seed: 3 })).toEqual({ kind: 'width', experts: 8, seed: 3 });
  const one = 'give exactly one of --depth, --width and --experts';
  expect(() => growthOf({})).toThrow(one);
  expect(() => growthOf({ width: true, experts: 8 })).toThrow(one);
  expect(() => growthOf({ depth: true, noise: 0 })).toThrow('no effect with --depth');
  expect(() => growthOf({ width: true, keepEnds: 1 })).toThrow('--keep-ends has an effect only with --depth');
});
