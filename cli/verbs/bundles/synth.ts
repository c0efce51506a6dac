// `expertgrid synth`: writes a bundle of random weights in a given shape, for load and speed tests.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { Bits } from '../../../model/bundle/tensors.ts';
import { synth } from '../../../model/synth.ts';
import { flag, integer } from '../../flags/flags.ts';
import { requireFile } from '../../flags/input-files.ts';
import { bitsFlag, runWriter, toFlag } from '../../terminal/write-bundle.ts';

export function synthCommand(): Command {
  return new Command('synth')
    .description(
      'Write a bundle of random weights, for load and speed tests. Run the same command again to resume.',
    )
    .addOption(
      flag(
        '--shape <name>',
        'Shape of the model: sigma-moe-tiny, or the path of a config.json',
      ).makeOptionMandatory(),
    )
    .addOption(toFlag())
    .addOption(bitsFlag())
    .addOption(
      flag('--seed <n>', 'Seed of the weights, at least 0; the same seed and shape give the same bundle')
        .argParser(integer())
        .default(1),
    )
    .action(async ({ shape, to, bits, seed }: { shape: string; to: string; bits: Bits; seed: number }) => {
      if (shape !== 'sigma-moe-tiny') await requireShape(shape);
      await runWriter('writing', { dir: to, bits }, (options) =>
        synth({ shape, to, bits, seed, ...options }),
      );
    });
}

async function requireShape(shape: string): Promise<void> {
  const config = join(shape, 'config.json');
  if (existsSync(config)) {
    throw new Error(`--shape ${shape}: this is a directory; give the config.json in it, ${config}`);
  }
  if (!existsSync(shape)) {
    throw new Error(
      `--shape ${shape}: there is no such file; give the path of a config.json, or sigma-moe-tiny`,
    );
  }
  await requireFile(shape, '--shape');
}
