// `expertgrid inspect`: says what a download is, and whether and how it will be served.
import { Command } from 'commander';
import { bytes, flag, switchFlag } from '../../flags/flags.ts';
import { describeInspection } from '../../inspect/describe.ts';
import { inspect } from '../../inspect/inspect.ts';

const USUAL_SHARD_MEMORY = 8 * 2 ** 30;

export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'Say what a checkpoint, a model in GGUF or a bundle is, whether and how it will be served, its size at each precision, and the shards that it needs. Of weights, it reads only headers. Exits with 1 if it will not be served.',
    )
    .argument('<path>', 'Directory of a checkpoint or bundle, or a GGUF file')
    .addOption(
      flag('--shard-memory <size>', 'Memory of one shard process, for the number of shards, such as 8GiB')
        .argParser(bytes)
        .default(USUAL_SHARD_MEMORY, '8GiB'),
    )
    .addOption(switchFlag('--json', 'Print JSON instead of text'))
    .action(async (path: string, { shardMemory, json }: { shardMemory: number; json?: boolean }) => {
      const found = await inspect(path, shardMemory);
      process.stdout.write(
        json ? `${JSON.stringify(found, null, 2)}\n` : describeInspection(found, shardMemory),
      );
      if (!found.served) process.exitCode = 1;
    });
}
