// `expertgrid convert`: converts a Hugging Face checkpoint or a model in GGUF to a bundle.
import { Command, InvalidArgumentError } from 'commander';
import type { Bits } from '../../../model/bundle/tensors.ts';
import { supportedLayouts } from '../../../model/config/config.ts';
import { convert } from '../../../model/convert/convert.ts';
import { InputError } from '../../../model/errors.ts';
import { flag } from '../../flags/flags.ts';
import { requireCheckpoint } from '../../flags/model-paths.ts';
import { MOST_TOKENS } from '../../report/windows.ts';
import { bitsFlag, runWriter, toFlag, untilInterrupted } from '../../terminal/write-bundle.ts';

interface Flags {
  from: string;
  to: string;
  bits: Bits;
  /** A file of text; true if the flag has no value. */
  report?: string | true;
}

function parseGroupSize(text: string): number {
  if (text === '32') return 32;
  throw new InvalidArgumentError(
    'Only groups of 32 weights are supported. With larger groups, an answer would depend on the rest of its batch.',
  );
}

export function convertCommand(): Command {
  return new Command('convert')
    .description(
      `Convert a Hugging Face checkpoint or a model in GGUF to a bundle. Layouts: ${supportedLayouts.map(({ title }) => title).join(', ')}. Run the same command again to resume.`,
    )
    .addOption(
      flag(
        '--from <path>',
        'Directory of the checkpoint, with config.json and safetensors weights; or a GGUF file, the first one if the model is split',
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
    .addOption(
      flag(
        '--report [text]',
        'Print how far the stored weights are from the source, by kind of tensor. With a file of text (UTF-8), also print ' +
          `the bits per byte that the bundle, and the source at 32 bits if it fits into memory, need for the first ${MOST_TOKENS} tokens`,
      ),
    )
    .action(async ({ from, to, bits, report }: Flags) => {
      await requireCheckpoint(from);
      // Only a report needs the engine.
      const reports = report === undefined ? undefined : await import('../../report/report.ts');
      // The text is read before the conversion begins, so that a wrong path costs no time.
      const text = typeof report === 'string' ? await reports?.readText(report, '--report') : undefined;
      const written = await runWriter('converting', { dir: to, bits }, (options) =>
        convert({ from, to, bits, measured: report !== undefined, ...options }),
      );
      if (written?.hasTokenizer === false) {
        process.stderr.write(
          `${from} has no tokenizer.json: this bundle can be used with token ids, but not with text\n`,
        );
        if (text !== undefined)
          throw new InputError(`${from}: a text cannot be scored without a tokenizer.json`);
      }
      if (written?.errors === undefined) return;
      const { dir, errors } = written;
      await untilInterrupted('stopped; the bundle is complete, and the report is not', async (signal) =>
        reports?.printReport({ from, dir, bits, errors, text, signal }),
      );
    });
}
