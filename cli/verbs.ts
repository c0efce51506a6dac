// The verbs of the command line, in the groups of the help.
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot, version } from '../base/package.ts';
import { withPlainHelp } from './terminal/help.ts';

interface Verb {
  group: string;
  /** A verb's modules are loaded only when it is named, because a shard need not load what only the gateway runs. */
  load: () => Promise<Command>;
}

const verbs: Readonly<Record<string, Verb>> = {
  up: { group: 'Serve:', load: async () => (await import('./verbs/up.ts')).upCommand() },
  gateway: { group: 'Serve:', load: async () => (await import('./verbs/gateway.ts')).gatewayCommand() },
  shard: { group: 'Serve:', load: async () => (await import('./verbs/shard.ts')).shardCommand() },
  chat: { group: 'Serve:', load: async () => (await import('./verbs/chat.ts')).chatCommand() },
  convert: {
    group: 'Make bundles:',
    load: async () => (await import('./verbs/convert.ts')).convertCommand(),
  },
  synth: { group: 'Make bundles:', load: async () => (await import('./verbs/synth.ts')).synthCommand() },
  golden: { group: 'Make bundles:', load: async () => (await import('./verbs/golden.ts')).goldenCommand() },
  heat: { group: 'Run a fleet:', load: async () => (await import('./verbs/heat.ts')).heatCommand() },
  plan: { group: 'Run a fleet:', load: async () => (await import('./verbs/plan.ts')).planCommand() },
  drain: { group: 'Run a fleet:', load: async () => (await import('./verbs/drain.ts')).drainCommand() },
  key: { group: 'Run a fleet:', load: async () => (await import('./verbs/key.ts')).keyCommand() },
};

/** The program with the named verb, or with all verbs if none is named. It throws a CommanderError if the command line is wrong. */
export async function createProgram(named: string | undefined): Promise<Command> {
  const program = new Command('expertgrid')
    .description('Serve Mixture-of-Experts language models whose experts run on separate machines.')
    .version(version, '-V, --version', 'Show the version')
    .helpCommand('help [verb]', 'Show the help of a verb')
    .addHelpText(
      'after',
      '\nTo begin, run: expertgrid up. To see the flags of a verb: expertgrid VERB --help\n' +
        `Pages that help and errors call docs/… are in ${join(packageRoot, 'docs')}`,
    );
  const one = named !== undefined && Object.hasOwn(verbs, named) ? verbs[named] : undefined;
  const wanted = one === undefined ? Object.values(verbs) : [one];
  const commands = await Promise.all(wanted.map(async ({ group, load }) => (await load()).helpGroup(group)));
  for (const command of commands) program.addCommand(command);
  return withPlainHelp(program);
}
