// `expertgrid shard`: runs a process that holds experts and computes rows with them, until the shard is drained.
import { Command, CommanderError } from 'commander';
import { UsageError } from '../flags/flags.ts';
import { addShardFlags, type ShardFlags } from '../flags/shard-flags.ts';
import { runShard } from '../shard/run-shard.ts';
import { failBefore, hasParent } from '../shard/shard-parent.ts';
import { explain } from '../terminal/explain.ts';

export function shardCommand(): Command {
  const command = new Command('shard').description(
    'Hold experts of one or more models, and compute their answers for gateways.',
  );
  return addShardFlags(command).action(async (flags: ShardFlags) => {
    try {
      await runShard(flags, command);
    } catch (error) {
      // A wrong command line exits with 2, even if a parent process has started this shard.
      if (!hasParent() || error instanceof CommanderError || error instanceof UsageError) throw error;
      await failBefore(explain(error, command));
    }
  });
}
