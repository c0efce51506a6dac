// `expertgrid golden`: adds golden rows to a bundle that has none, or whose golden rows come from another kind of machine.
import { Command } from 'commander';
import type { DeviceName } from '../../../model/devices/options.ts';
import { bundleDirectory } from '../../files.ts';
import { flag } from '../../flags/flags.ts';
import { deviceFlag, threadsFlag } from '../../flags/process-flags.ts';
import { runRecorder } from '../../terminal/write-bundle.ts';

export function goldenCommand(): Command {
  return new Command('golden')
    .description(
      'Add golden rows to a bundle: one test row for each layer, and the answer of each expert to it. ' +
        'Shards compare the answers of their experts with these stored answers.',
    )
    .addOption(flag('--model <dir>', 'Directory of the bundle').makeOptionMandatory())
    .addOption(deviceFlag())
    .addOption(threadsFlag())
    .action(async ({ model, device, threads }: { model: string; device: DeviceName; threads: number }) => {
      await runRecorder(await bundleDirectory(model), { device, threads });
    });
}
