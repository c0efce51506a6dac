// Formats every verb's --help: flags in groups, each with its choices, its default and its variable in the environment, if that has an
// unusual name. Errors of the command line point to the help.
import type { Command, Option } from 'commander';
import { twinOf } from '../flags/flags.ts';

const twinsOf = ({ envVar, long }: Option) => `
Every flag can also be set in the environment, and a flag overrides the environment:
${envVar} sets ${long}.`;

/** Applies to the command and the verbs below it; `name` is its full name. */
export function withPlainHelp(command: Command, name: string = command.name()): Command {
  if (command.options.some(({ helpGroupHeading }) => helpGroupHeading !== undefined)) {
    command.optionsGroup('Help:');
  }
  command
    .configureHelp({ optionDescription: describeFlag })
    .helpOption('-h, --help', 'Show this help')
    .showHelpAfterError(`Run "${name} --help" to see its flags.`)
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
