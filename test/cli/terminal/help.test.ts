// Checks what --help adds to the description of a flag: choices, default, whether it is required, environment variable.
import { Command, Option } from 'commander';
import { expect, it } from 'vitest';
import { flag } from '../../../cli/flags/flags.ts';
import { describeFlag, withPlainHelp } from '../../../cli/terminal/help.ts';

it.each([
  ['nothing for a flag without default', flag('--name <name>', 'Name'), 'Name'],
  ['its default', flag('--rows <n>', 'Rows').default(8), 'Rows (default: 8)'],
  ['a default in words', flag('--rows <n>', 'Rows').default(8, 'as many'), 'Rows (default: as many)'],
  ['no default of a switch', flag('--json', 'Print JSON').default(false), 'Print JSON'],
  ['its choices', flag('--kind <k>', 'Kind').choices(['a', 'b']).default('a'), 'Kind (a, b; default: a)'],
  ['that it is required', flag('--to <dir>', 'Place').makeOptionMandatory(), 'Place (required)'],
  [
    'the default instead of "required"',
    flag('--to <dir>', 'Place').default('here').makeOptionMandatory(),
    'Place (default: here)',
  ],
  [
    'an environment variable with an unusual name',
    flag('--shards <n>', 'Shards').env('EXPERTGRID_SHARD_COUNT'),
    'Shards (environment variable: EXPERTGRID_SHARD_COUNT)',
  ],
  ['no environment variable if the flag has none', new Option('--force', 'Force'), 'Force'],
])('describeFlag shows %s', (_, option, description) => {
  expect(describeFlag(option)).toBe(description);
});

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return text;
}

it('help shows the environment variable of one flag as an example', () => {
  const command = withPlainHelp(new Command('verb').addOption(flag('--kv-memory <size>', 'Memory')));
  expect(helpOf(command)).toContain('EXPERTGRID_KV_MEMORY sets --kv-memory.');
});

it('help names the flags that have no environment variable', () => {
  const command = new Command('verb')
    .addOption(flag('--rows <n>', 'Rows'))
    .addOption(new Option('--force', 'F'));
  expect(helpOf(withPlainHelp(command))).toContain(
    'Each flag except --force can also be set by an environment',
  );
});

it('help does not mention environment variables if no flag has one', () => {
  const command = withPlainHelp(new Command('verb').addOption(new Option('--force', 'Force')));
  expect(helpOf(command)).not.toContain('environment');
});

it('an error mentions the --help of its verb', () => {
  const verb = new Command('verb').exitOverride();
  const program = withPlainHelp(new Command('program').addCommand(verb));
  let text = '';
  verb.configureOutput({
    writeErr: (piece) => {
      text += piece;
    },
  });
  expect(() => program.parse(['verb', '--wrong'], { from: 'user' })).toThrow();
  expect(text).toContain('Run "program verb --help" to see its flags.');
});
