// `expertgrid shard`: one process that holds experts and runs rows on them until it is asked to leave.
import { Command, CommanderError } from 'commander';
import { UsageError } from '../flags/flags.ts';
import { addShardFlags, type ShardFlags } from '../flags/shard-flags.ts';
import { runShard } from '../shard/run-shard.ts';
import { failBefore, hasParent } from '../shard/shard-parent.ts';
import { explain } from '../terminal/explain.ts';

export function shardCommand(): Command {
  const command = new Command('shard').description(
    'Hold experts of one or more models, and run rows on them for gateways.',
  );
  return addShardFlags(command).action(async (flags: ShardFlags) => {
    try {
      await runShard(flags, command);
    } catch (error) {
      // A wrong command line is reported as such, even to a parent.
      if (!hasParent() || error instanceof CommanderError || error instanceof UsageError) throw error;
      await failBefore(explain(error, command));
    }
  });
}
