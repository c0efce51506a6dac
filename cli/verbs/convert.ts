// `expertgrid convert`: converts a Hugging Face checkpoint to a bundle.
import { Command, InvalidArgumentError } from 'commander';
import type { Bits } from '../../model/bundle/tensors.ts';
import { supportedLayouts } from '../../model/config/config.ts';
import { convert } from '../../model/convert/convert.ts';
import { flag } from '../flags/flags.ts';
import { requireCheckpoint } from '../flags/model-paths.ts';
import { bitsFlag, runWriter, toFlag } from '../terminal/write-bundle.ts';

function parseGroupSize(text: string): number {
  if (text === '32') return 32;
  throw new InvalidArgumentError(
    'Only groups of 32 weights are supported. With larger groups, an answer would depend on the rest of its batch.',
  );
}

export function convertCommand(): Command {
  return new Command('convert')
    .description(
      `Convert a Hugging Face checkpoint to a bundle. Layouts: ${supportedLayouts.map(({ title }) => title).join(', ')}. Run the same command again to resume.`,
    )
    .addOption(
      flag(
        '--from <dir>',
        'Directory of the checkpoint, with config.json and safetensors weights',
      ).makeOptionMandatory(),
    )
    .addOption(toFlag())
    .addOption(bitsFlag())
    .addOption(
      flag(
        '--group-size <n>',
        'Number of weights that share a scale at 4, 6 and 8 bits; only 32 is supported',
      )
        .argParser(parseGroupSize)
        .default(32),
    )
    .action(async ({ from, to, bits }: { from: string; to: string; bits: Bits }) => {
      await requireCheckpoint(from);
      const written = await runWriter('converting', { dir: to, bits }, (options) =>
        convert({ from, to, bits, ...options }),
      );
      if (written?.hasTokenizer === false) {
        process.stderr.write(
          `${from} has no tokenizer.json: this bundle can be used with token ids, but not with text\n`,
        );
      }
    });
}
