// `expertgrid tune`: measures how the CPU kernels should prefetch weights on this machine, and keeps the choice for later starts.
import { cpus } from 'node:os';
import { Command } from 'commander';
import { formatPrefetch, typical } from '../../model/devices/cpu/prefetch.ts';
import { type FittedPrefetch, measurePrefetch } from '../../model/devices/fit-prefetch.ts';
import { fitFile } from '../fit-kernels.ts';

export function tuneCommand(): Command {
  return new Command('tune')
    .description(
      'Measure again how the CPU kernels should prefetch weights on this machine, and keep the choice for later starts. ' +
        'Every first start measures this too; run the command if other processes disturbed that measurement.',
    )
    .action(() => {
      const file = fitFile(process.env);
      const fitted = measurePrefetch(file);
      if (fitted === undefined) {
        process.stdout.write(
          'The CPU kernels of this machine do not prefetch, so there is nothing to measure.\n',
        );
        return;
      }
      process.stdout.write(tuneText(fitted, file));
    });
}

/** A line for each choice, with its time, and where the fastest is kept. */
export function tuneText({ prefetch, times = [], unkept }: FittedPrefetch, file: string): string {
  const chosen = formatPrefetch(prefetch);
  const lines = times.map(({ prefetch: each, microseconds }) => {
    const name = formatPrefetch(each);
    const time = `${typical(microseconds).toFixed(1)} µs`;
    return `  ${name.padEnd(10)}${time.padStart(10)}${name === chosen ? '  chosen' : ''}`;
  });
  const end =
    unkept === undefined
      ? `Kept in ${file}. To use another choice, start with --prefetch, such as --prefetch t0:4096.`
      : `The choice cannot be kept, so every start measures again: ${unkept}`;
  return `${cpus()[0]?.model}: time of a product of one row by --prefetch\n${lines.join('\n')}\n${end}\n`;
}
