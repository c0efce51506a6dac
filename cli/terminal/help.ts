// Formats --help of every verb: flags in groups, each with its choices and its default. An environment variable is shown only if
// its name is unusual. An error of the command line refers to --help.
import type { Command, Option } from 'commander';
import { variableOf } from '../flags/flags.ts';

/** Changes the command and the verbs below it. `name`: full name of the command, such as `expertgrid key`. */
export function withPlainHelp(command: Command, name: string = command.name()): Command {
  if (command.options.some(({ helpGroupHeading }) => helpGroupHeading !== undefined)) {
    command.optionsGroup('Help:');
  }
  command
    .addHelpText('after', variablesText(command.options))
    .configureHelp({ optionDescription: describeFlag })
    .helpOption('-h, --help', 'Show this help')
    .showHelpAfterError(`Run "${name} --help" to see its flags.`)
    .exitOverride();
  for (const verb of command.commands) withPlainHelp(verb, `${name} ${verb.name()}`);
  return command;
}

/** How to set flags by environment variables; empty if no flag has a variable with the usual name. */
function variablesText(options: readonly Option[]): string {
  const example = options.find(({ envVar, long, flags }) => Boolean(long) && envVar === variableOf(flags));
  if (example === undefined) return '';
  const without = options.filter(({ envVar }) => envVar === undefined).map(({ long }) => long);
  const flags = without.length === 0 ? 'Each flag' : `Each flag except ${without.join(', ')}`;
  return `
${flags} can also be set by an environment variable. A flag on the command line overrides its variable.
For example, ${example.envVar} sets ${example.long}.`;
}

/** Formats a flag's help, such as `Port to listen on (default: 8080)`. */
export function describeFlag(option: Option): string {
  const { argChoices, defaultValue, defaultValueDescription, envVar, mandatory, flags } = option;
  const shown = typeof defaultValue === 'boolean' ? undefined : (defaultValue as unknown);
  const standard = defaultValueDescription ?? (shown === undefined ? undefined : String(shown));
  const notes = [
    ...(argChoices === undefined ? [] : [argChoices.join(', ')]),
    ...(standard === undefined ? [] : [`default: ${standard}`]),
    ...(mandatory && standard === undefined ? ['required'] : []),
    ...(envVar === undefined || envVar === variableOf(flags) ? [] : [`environment variable: ${envVar}`]),
  ];
  return notes.length === 0 ? option.description : `${option.description} (${notes.join('; ')})`;
}
