// The command line: one verb a file. Bad usage exits with 2, a failure with 1 and one line.
import { Command, CommanderError } from 'commander';
import { convertCommand } from './convert.ts';
import { gatewayCommand } from './gateway.ts';
import { shardCommand } from './shard.ts';
import { synthCommand } from './synth.ts';
import { upCommand } from './up.ts';
import { version } from './version.ts';

const program = new Command('expertgrid')
  .description('Serve Mixture-of-Experts language models whose experts live on machines of their own.')
  .version(version)
  .showHelpAfterError('(add --help for what can be given)')
  .addCommand(upCommand())
  .addCommand(gatewayCommand())
  .addCommand(shardCommand())
  .addCommand(convertCommand())
  .addCommand(synthCommand())
  .configureHelp({ showGlobalOptions: true });

for (const command of [program, ...program.commands]) command.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`expertgrid: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
