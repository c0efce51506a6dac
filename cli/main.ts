// The command line: one verb a file. Bad usage exits with 2, a failure with 1 and one line.
import { Command, CommanderError } from 'commander';
import { version } from './version.ts';

/** Each verb is loaded when it is named: a shard need not read what only the gateway runs. */
const verbs: Record<string, () => Promise<Command>> = {
  up: async () => (await import('./up.ts')).upCommand(),
  gateway: async () => (await import('./gateway.ts')).gatewayCommand(),
  shard: async () => (await import('./shard.ts')).shardCommand(),
  convert: async () => (await import('./convert.ts')).convertCommand(),
  synth: async () => (await import('./synth.ts')).synthCommand(),
  golden: async () => (await import('./golden.ts')).goldenCommand(),
  drain: async () => (await import('./drain.ts')).drainCommand(),
  heat: async () => (await import('./heat.ts')).heatCommand(),
  plan: async () => (await import('./plan.ts')).planCommand(),
  key: async () => (await import('./key.ts')).keyCommand(),
  chat: async () => (await import('./chat.ts')).chatCommand(),
};

const named = verbs[process.argv[2] ?? ''];
const commands = await Promise.all((named ? [named] : Object.values(verbs)).map((load) => load()));

const program = new Command('expertgrid')
  .description('Serve Mixture-of-Experts language models whose experts live on machines of their own.')
  .version(version)
  .showHelpAfterError('(add --help for what can be given)')
  .addHelpText('after', '\nexpertgrid VERB --help tells the flags of a verb. To begin with: expertgrid up');

for (const command of commands) program.addCommand(command.copyInheritedSettings(program).exitOverride());
program.exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`expertgrid: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
