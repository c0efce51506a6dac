// The program `expertgrid` and its verbs.
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot, version } from '../base/package.ts';
import { withPlainHelp } from './terminal/help.ts';

/** Groups of the help and their verbs. Only the modules of the called verb are loaded; the others would take memory in a shard. */
const groups: Readonly<Record<string, Readonly<Record<string, () => Promise<Command>>>>> = {
  'Serve:': {
    up: async () => (await import('./verbs/up.ts')).upCommand(),
    gateway: async () => (await import('./verbs/gateway.ts')).gatewayCommand(),
    shard: async () => (await import('./verbs/shard.ts')).shardCommand(),
    edge: async () => (await import('./verbs/edge.ts')).edgeCommand(),
    chat: async () => (await import('./verbs/chat.ts')).chatCommand(),
    tune: async () => (await import('./verbs/tune.ts')).tuneCommand(),
  },
  'Make models:': {
    inspect: async () => (await import('./verbs/bundles/inspect.ts')).inspectCommand(),
    convert: async () => (await import('./verbs/bundles/convert.ts')).convertCommand(),
    synth: async () => (await import('./verbs/bundles/synth.ts')).synthCommand(),
    golden: async () => (await import('./verbs/bundles/golden.ts')).goldenCommand(),
    grow: async () => (await import('./verbs/bundles/grow.ts')).growCommand(),
    balance: async () => (await import('./verbs/bundles/balance.ts')).balanceCommand(),
  },
  'Run a fleet:': {
    heat: async () => (await import('./verbs/heat.ts')).heatCommand(),
    capacity: async () => (await import('./verbs/capacity.ts')).capacityCommand(),
    plan: async () => (await import('./verbs/plan.ts')).planCommand(),
    drain: async () => (await import('./verbs/drain.ts')).drainCommand(),
    key: async () => (await import('./verbs/key.ts')).keyCommand(),
  },
};

/** The program with the verb `named`, or with all verbs if `named` is not a verb. Throws a CommanderError if the command line is wrong. */
export async function createProgram(named: string | undefined): Promise<Command> {
  const program = new Command('expertgrid')
    .description('Serve Mixture-of-Experts language models whose experts run on separate machines.')
    .version(version, '-V, --version', 'Show the version')
    .helpCommand('help [verb]', 'Show the help of a verb')
    .addHelpText(
      'after',
      '\nTo begin, run: expertgrid up. To see the flags of a verb, run: expertgrid VERB --help\n' +
        `The help and the errors mention pages such as docs/operations.md. They are in ${join(packageRoot, 'docs')}`,
    );
  const verbs = Object.entries(groups).flatMap(([group, loads]) =>
    Object.entries(loads).map(([verb, load]) => ({ verb, group, load })),
  );
  const one = verbs.filter(({ verb }) => verb === named);
  const wanted = one.length > 0 ? one : verbs;
  const commands = await Promise.all(wanted.map(async ({ group, load }) => (await load()).helpGroup(group)));
  for (const command of commands) program.addCommand(command);
  return withPlainHelp(program);
}
