// Checks the flags of `expertgrid plan`: shards by number, address or memory, and costs.
import { expect, it } from 'vitest';
import { planCommand } from '../../../cli/verbs/plan.ts';

function parsed(...args: string[]): Record<string, unknown> {
  const command = planCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.parseOptions(args);
  return command.opts();
}

it('makes up names for --shards with a number', () => {
  expect(parsed('--shards', '2').shards).toEqual({
    counted: true,
    list: [
      { name: 'shard-0', memoryBytes: undefined },
      { name: 'shard-1', memoryBytes: undefined },
    ],
  });
});

it('accepts addresses, and names with memory, in --shards', () => {
  expect(parsed('--shards', '10.0.0.7:7001, b=4GiB').shards).toEqual({
    counted: false,
    list: [
      { name: '10.0.0.7:7001', memoryBytes: undefined },
      { name: 'b', memoryBytes: 2 ** 32 },
    ],
  });
});

it.each([
  ['0', 'from 1 to 4096'],
  ['a=1GiB,a=2GiB', '"a" is named twice'],
  ['=1GiB', '"=1GiB" is neither a name nor a name=size'],
  ['a=1=2', '"a=1=2" is neither a name nor a name=size'],
  ['a=much', 'It must be a size such as'],
])('refuses --shards %s', (text, reason) => {
  expect(() => parsed('--shards', text)).toThrow(reason);
});

it('parses known costs in --cost', () => {
  expect(parsed('--cost', 'frame=120,hop=3.5').cost).toEqual({ frame: 120, hop: 3.5 });
});

it.each(['frame', 'frame=', 'frame=-1', 'frame=x', 'wire=1'])('refuses --cost %s', (text) => {
  expect(() => parsed('--cost', text)).toThrow('=microseconds');
});

const applied = ['--apply', '127.0.0.1:1'];

it.each([
  [
    '--placement beside --shards',
    ['--shards', '4', '--placement', 'p.json'],
    'give --apply or --shards-file',
  ],
  ['--shards beside --apply', ['--shards', '4', ...applied], '--shards plans without moving any experts'],
  ...['--heat=h.json', '--memory=1GiB', '--gateway-memory=1GiB', '--rows=8', '--json', '--out=o.json'].map(
    (wrong): [string, string[], string] => [
      `${wrong} beside --placement`,
      [...applied, '--placement', 'p.json', wrong],
      `${wrong.split('=')[0]} needs a plan`,
    ],
  ),
])('refuses %s', async (_, args, reason) => {
  await expect(planCommand().parseAsync(args, { from: 'user' })).rejects.toThrow(reason);
});

it('splits the addresses of --apply', () => {
  expect(parsed('--apply', 'a:1, b:2').apply).toEqual(['a:1', 'b:2']);
});
