// `expertgrid balance`: shows how evenly a text's tokens are spread over the experts of a bundle.
import { Command, InvalidArgumentError } from 'commander';
import { balanceHead, balanceOf, balanceRows, deviations } from '../../balance/balance.ts';
import { bundleDirectory } from '../../files.ts';
import { flag, inputFlag, switchFlag } from '../../flags/flags.ts';
import { printTable } from '../../key/table.ts';
import { heatMap } from '../../plan/heat-map.ts';
import { MOST_TOKENS } from '../../report/windows.ts';
import { progressBar } from '../../terminal/progress.ts';

interface Flags {
  model: string;
  text: string;
  maxDeviation?: number;
  json: boolean;
}

export function balanceCommand(): Command {
  return new Command('balance')
    .description(
      'Run a text through a bundle in this process, and show for each layer how its rows are spread over the experts: the hottest ' +
        'and the coldest expert as multiples of the even share, experts without a row, and a map. The even share is the number of ' +
        "the layer's rows divided by the number of its experts.",
    )
    .addOption(
      flag('--model <dir>', 'Directory of the bundle, which must have a tokenizer').makeOptionMandatory(),
    )
    .addOption(
      inputFlag(
        '--text <file>',
        `File of text (UTF-8); its first ${MOST_TOKENS} tokens are read`,
      ).makeOptionMandatory(),
    )
    .addOption(
      flag(
        '--max-deviation <x>',
        'Exit with 1 if, in any layer, the hottest expert has more than X times the even share, or the coldest less than 1/X of ' +
          'it. X is at least 1. Without this flag, nothing is required',
      ).argParser(limitOf),
    )
    .addOption(switchFlag('--json', 'Print JSON instead of text'))
    .action(async ({ model, text: file, maxDeviation, json }: Flags) => {
      // Only this verb's action needs the engine.
      const [{ readLoad }, { readText }] = await Promise.all([
        import('../../balance/read-load.ts'),
        import('../../report/text-engine.ts'),
      ]);
      const dir = await bundleDirectory(model);
      const text = await readText(file, '--text');
      const bar = progressBar({ label: 'reading', unit: 'tokens' });
      const { tokens, experts, totals } = await readLoad(dir, text, bar.update).finally(() => bar.end());
      const layers = balanceOf(totals, experts);
      const faults = maxDeviation === undefined ? [] : deviations(layers, maxDeviation);
      if (json) {
        const found = { tokens, experts, layers, ...(maxDeviation && { maxDeviation, deviations: faults }) };
        process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      } else {
        process.stdout.write(`${tokens} tokens, ${experts} experts in each of ${layers.length} layers\n\n`);
        printTable(balanceHead, balanceRows(layers));
        const counts = layers.map(({ rows }) => rows);
        process.stdout.write(`\n${heatMap({ layers: layers.length, experts, counts }, mapOptions())}\n`);
      }
      for (const fault of faults) process.stderr.write(`${fault}\n`);
      if (faults.length > 0) process.exitCode = 1;
    });
}

function mapOptions() {
  const { isTTY } = process.stdout;
  const colour = isTTY && (process.env.NO_COLOR ?? '') === '';
  return isTTY ? { columns: process.stdout.columns || 80, colour } : {};
}

function limitOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 1 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('It must be a number of at least 1.');
}
