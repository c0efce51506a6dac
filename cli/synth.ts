// `expertgrid synth`: a bundle of random weights at a given shape, for load and speed.
import { Command } from 'commander';
import type { Bits } from '../model/bundle/tensors.ts';
import { synth } from '../model/synth.ts';
import { flag, integer } from './flags.ts';
import { bitsFlag, runWriter } from './write-bundle.ts';

interface SynthFlags {
  shape: string;
  to: string;
  bits: Bits;
  seed: number;
}

export function synthCommand(): Command {
  return new Command('synth')
    .description('Write a bundle of random weights, for load and speed; it says nothing sensible.')
    .addOption(flag('--shape <name>', 'sigma-moe-tiny, or the path of a config.json').makeOptionMandatory())
    .addOption(
      flag('--to <dir>', 'directory of the bundle; must not exist or be empty').makeOptionMandatory(),
    )
    .addOption(bitsFlag())
    .addOption(flag('--seed <n>', 'same seed and shape, same weights').argParser(integer()).default(1))
    .action(async ({ shape, to, bits, seed }: SynthFlags) => {
      await runWriter('writing', (options) => synth({ shape, to, bits, seed, ...options }));
    });
}
