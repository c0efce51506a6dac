// How every verb's --help reads: flags in groups, each with its choices, its default and, if it has an unusual one, its twin in
// the environment; and that each error of the command line points there. Knows no verb.
import type { Command, Option } from 'commander';
import { twinOf } from '../flags/flags.ts';

const twinsOf = ({ envVar, long }: Option) => `
Every flag has a twin in the environment, which the flag overrides:
${envVar} stands for ${long}.`;

/** Of the command and the verbs below it, by its full name. */
export function withPlainHelp(command: Command, name: string = command.name()): Command {
  if (command.options.some(({ helpGroupHeading }) => helpGroupHeading !== undefined)) {
    command.optionsGroup('Help:');
  }
  command
    .configureHelp({ optionDescription: describeFlag })
    .helpOption('-h, --help', 'Show this help')
    .showHelpAfterError(`Run "${name} --help" to see what can be given.`)
    .exitOverride();
  const example = command.options.find(hasUsualTwin);
  if (example !== undefined) command.addHelpText('after', twinsOf(example));
  for (const verb of command.commands) withPlainHelp(verb, `${name} ${verb.name()}`);
  return command;
}

/** `Port to listen on (default: 8080)` */
export function describeFlag(option: Option): string {
  const { argChoices, defaultValue, defaultValueDescription, envVar, mandatory, flags } = option;
  const shown = typeof defaultValue === 'boolean' ? undefined : (defaultValue as unknown);
  const standard = defaultValueDescription ?? (shown === undefined ? undefined : String(shown));
  const notes = [
    ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
    ...(standard === undefined ? [] : [`default: ${standard}`]),
    ...(mandatory && standard === undefined ? ['required'] : []),
    ...(envVar === undefined || envVar === twinOf(flags) ? [] : [`in the environment: ${envVar}`]),
  ];
  return notes.length === 0 ? option.description : `${option.description} (${notes.join('; ')})`;
}

function hasUsualTwin({ envVar, long, flags }: Option): boolean {
  return Boolean(long) && envVar === twinOf(flags);
}
