// Every flag of every verb: its twin in the environment, its help, and switches that the environment turns off.
import { Command, type Option } from 'commander';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { flag, isInput, readSwitches } from '../../../cli/flags/flags.ts';
import { describeFlag } from '../../../cli/terminal/help.ts';
import { createProgram } from '../../../cli/verbs.ts';

interface Flag {
  verb: string;
  option: Option;
}

let flags: Flag[];
beforeAll(async () => {
  flags = flagsBelow(await createProgram(undefined));
});

function flagsBelow(command: Command): Flag[] {
  return command.commands.flatMap((verb) => [
    ...verb.options.map((option) => ({ verb: verb.name(), option })),
    ...flagsBelow(verb),
  ]);
}

/** What is given after the flag: `<host:port,…>`. */
const syntaxOf = ({ option }: Flag) => /[<[].*$/.exec(option.flags)?.[0] ?? 'switch';

describe('twins in the environment', () => {
  it('mean the same to every verb that reads them', () => {
    const twins = Map.groupBy(
      flags.filter(({ option }) => option.envVar !== undefined),
      ({ option }) => option.envVar,
    );
    const kindsOf = (sharing: readonly Flag[], kind: (flag: Flag) => string) =>
      [...new Set(sharing.map(kind))].sort();
    const unlike = [...twins].flatMap(([twin, sharing]) => {
      const kinds = kindsOf(sharing, (flag) => `${flag.option.long} ${syntaxOf(flag)}`);
      return kinds.length > 1 ? [[twin, kinds]] : [];
    });
    expect(Object.fromEntries(unlike)).toEqual({
      // Bundles all the same: a shard may fetch one, and `key` writes the file that a gateway reads.
      EXPERTGRID_MODEL: ['--model <dir>', '--model <dir|url>'],
      EXPERTGRID_API_KEYS: ['--api-keys <file>', '--file <file>'],
    });
    const toldApart = [...twins].filter(([, sharing]) => {
      return kindsOf(sharing, ({ option }) => option.description).length > 1;
    });
    // One thing each, in the words of each verb. A new name here is two meanings, or one flag that is described twice.
    expect(toldApart.map(([twin]) => twin).sort()).toEqual([
      'EXPERTGRID_API_KEYS',
      'EXPERTGRID_BITS',
      'EXPERTGRID_HOST',
      'EXPERTGRID_MEMORY',
      'EXPERTGRID_MODEL',
      'EXPERTGRID_SHARDS_FILE',
    ]);
  });

  it('has EXPERTGRID_SHARDS for the addresses of a gateway alone', () => {
    const sharing = flags.filter(({ option }) => option.envVar === 'EXPERTGRID_SHARDS');
    expect(sharing.map((flag) => [flag.verb, syntaxOf(flag)])).toEqual([['gateway', '<host:port,…>']]);
  });

  const switches = () =>
    new Command('shard')
      .addOption(flag('--standby', 'A switch'))
      .addOption(flag('--speculate', 'Another'))
      .addOption(flag('--name <name>', 'A value'))
      .configureOutput({ writeErr: () => {} })
      .exitOverride();

  it.each([
    [{ EXPERTGRID_STANDBY: 'false', EXPERTGRID_NAME: '0' }, { EXPERTGRID_NAME: '0' }],
    [{ EXPERTGRID_STANDBY: '0', EXPERTGRID_SPECULATE: '' }, {}],
    [{ EXPERTGRID_STANDBY: '1' }, { EXPERTGRID_STANDBY: '1' }],
  ])('a switch in %o is read as it says', (env, left) => {
    readSwitches(switches(), env);
    expect(env).toEqual(left);
  });

  it('a switch that is neither on nor off is refused by name', () => {
    const env = { EXPERTGRID_STANDBY: 'maybe' };
    expect(() => readSwitches(switches(), env)).toThrow('EXPERTGRID_STANDBY=maybe');
  });
});

describe('a command line that is wrong', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** What the user is told. */
  async function told(args: readonly string[]): Promise<string> {
    const lines: string[] = [];
    const program = await createProgram(args[0]);
    const collect = (command: Command) => {
      command.configureOutput({ writeErr: (text) => lines.push(text) });
      command.commands.forEach(collect);
    };
    collect(program);
    await expect(program.parseAsync([...args], { from: 'user' })).rejects.toThrow();
    return lines.join('');
  }

  it.each([
    [['up', '--prot', '1'], /unknown option '--prot'\n\(Did you mean --port\?\)\nRun "expertgrid up --help"/],
    [
      ['up', '--port', '99999'],
      /'--port <number>' argument '99999' is invalid. It must be a whole number from 0/,
    ],
    [['gateway', '--shards', '4'], /"4" is not an address; write host:port/],
    [['key', 'list'], /required option '--file <file>' not specified\nRun "expertgrid key list --help"/],
  ])('%o says what is wrong and where to look', async (args, reason) => {
    expect(await told(args)).toMatch(reason);
  });

  it('an old number of shards in the environment is refused with its new name', async () => {
    vi.stubEnv('EXPERTGRID_SHARDS', '4');
    expect(await told(['up'])).toMatch(/EXPERTGRID_SHARDS=4: .*Set EXPERTGRID_SHARD_COUNT=4/);
  });
});

describe('flags that name a file', () => {
  it('are looked at before anything starts, unless they are written or may be an address', () => {
    const others = flags.filter(({ option }) => /file>$/.test(option.flags) && !isInput(option));
    expect(others.map(({ verb, option }) => `${verb} ${option.flags}`).sort()).toEqual([
      'create --file <file>',
      'gateway --usage-log <file>',
      'plan --heat <url|file>',
      'plan --out <file>',
      'up --usage-log <file>',
    ]);
  });
});

describe('help', () => {
  it('describes every flag by a phrase that begins with a capital letter, and ends without a full stop', () => {
    const wrong = flags.filter(({ option }) => !/^[A-Z].*[^.]$/.test(option.description));
    expect(wrong.map(({ verb, option }) => `${verb} ${option.long}: ${option.description}`)).toEqual([]);
  });

  it('puts the flags of the long verbs into groups', () => {
    const long = ['up', 'gateway', 'shard'];
    const alone = flags.filter(
      ({ verb, option }) => long.includes(verb) && option.helpGroupHeading === undefined,
    );
    expect(alone.map(({ verb, option }) => `${verb} ${option.long}`)).toEqual([]);
  });

  it('shows choices, default and an unusual twin behind the description', () => {
    const texts = new Map(flags.map(({ verb, option }) => [`${verb} ${option.long}`, describeFlag(option)]));
    expect(texts.get('gateway --port')).toMatch(/ \(default: 8080\)$/);
    expect(texts.get('gateway --device')).toMatch(/ \(cpu, ort-cpu, webgpu, cuda; default: cpu\)$/);
    expect(texts.get('up --shards')).toMatch(
      / \(default: 4; .*; environment variable: EXPERTGRID_SHARD_COUNT\)$/,
    );
    expect(texts.get('shard --model')).toMatch(/ \(required\)$/);
    expect(texts.get('up --in-process')).not.toContain('default');
  });
});
