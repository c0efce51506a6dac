// `expertgrid golden`: adds golden rows to a bundle that was written without them, or on another machine.

import { Command } from 'commander';
import { formatBytes } from '../../base/format-bytes.ts';
import type { DeviceName } from '../../model/devices/options.ts';
import { recordGoldens } from '../../model/goldens.ts';
import { bundleDirectory } from '../files.ts';
import { flag } from '../flags/flags.ts';
import { deviceFlag, threadsFlag } from '../flags/process-flags.ts';
import { onSignals } from '../signals.ts';
import { formatSeconds, progressBar } from '../terminal/progress.ts';

interface GoldenFlags {
  model: string;
  device: DeviceName;
  threads: number;
}

export function goldenCommand(): Command {
  return new Command('golden')
    .description(
      'Add golden rows to a bundle: answers of its experts, against which shards check the experts that they load.',
    )
    .addOption(flag('--model <dir>', "Bundle's directory").makeOptionMandatory())
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .action(golden);
}

async function golden({ model, device, threads }: GoldenFlags): Promise<void> {
  const dir = await bundleDirectory(model);
  const interrupted = new AbortController();
  onSignals({ drain: () => interrupted.abort(), halt: () => process.exit(130) });
  const { signal } = interrupted;
  const bar = progressBar({
    label: 'golden answers',
    unit: 'experts',
  });
  const started = performance.now();
  try {
    const onProgress = ({ done, total }: { done: number; total: number }) => bar.update(done, total);
    const { numericsClass, bytes } = await recordGoldens(dir, { device, threads, signal, onProgress });
    bar.end();
    const seconds = formatSeconds((performance.now() - started) / 1000);
    process.stdout.write(`${dir}: ${formatBytes(bytes)} of golden rows in ${seconds}, by ${numericsClass}\n`);
  } catch (error) {
    bar.end();
    if (!signal.aborted) throw error;
    process.stderr.write('stopped; the bundle is as it was\n');
    process.exitCode = 130;
  }
}
