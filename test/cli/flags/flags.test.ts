// Checks every flag of every verb: its environment variable, its help, and switches that the environment turns off.
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

/** The value in the syntax of the flag, such as `<host:port,…>`. */
const syntaxOf = ({ option }: Flag) => /[<[].*$/.exec(option.flags)?.[0] ?? 'switch';

describe('environment variables', () => {
  it('have the same meaning for every verb that reads them', () => {
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
      // The meaning is the same: `convert` also reads a file, a shard may also fetch its bundle, `key` writes the file that a
      // gateway reads, and a gateway of its own is given its experts as --experts.
      EXPERTGRID_FROM: ['--from <dir>', '--from <path>'],
      EXPERTGRID_MODEL: ['--model <dir>', '--model <dir|url>'],
      EXPERTGRID_API_KEYS: ['--api-keys <file>', '--file <file>'],
      EXPERTGRID_GATEWAY_EXPERTS: ['--experts <list>', '--gateway-experts <list>'],
    });
    const toldApart = [...twins].filter(([, sharing]) => {
      return kindsOf(sharing, ({ option }) => option.description).length > 1;
    });
    // Verbs describe these variables in different words. Every other variable has one description.
    expect(toldApart.map(([twin]) => twin).sort()).toEqual([
      'EXPERTGRID_ADMIN_SECRET_FILE',
      'EXPERTGRID_API_KEYS',
      'EXPERTGRID_BITS',
      'EXPERTGRID_EDGE_SECRET_FILE',
      'EXPERTGRID_FROM',
      'EXPERTGRID_GATEWAY_EXPERTS',
      'EXPERTGRID_HOST',
      'EXPERTGRID_JSON',
      'EXPERTGRID_MEMORY',
      'EXPERTGRID_MODEL',
      'EXPERTGRID_SEED',
      'EXPERTGRID_SHARDS_FILE',
      'EXPERTGRID_TO',
    ]);
  });

  it('reserve EXPERTGRID_SHARDS for the shard addresses of `gateway`', () => {
    const sharing = flags.filter(({ option }) => option.envVar === 'EXPERTGRID_SHARDS');
    expect(sharing.map((flag) => [flag.verb, syntaxOf(flag)])).toEqual([['gateway', '<host:port,…>']]);
  });

  const switches = () =>
    new Command('shard')
      .addOption(flag('--standby', 'A switch'))
      .addOption(flag('--json', 'Another'))
      .addOption(flag('--name <name>', 'A value'))
      .configureOutput({ writeErr: () => {} })
      .exitOverride();

  it.each([
    [{ EXPERTGRID_STANDBY: 'false', EXPERTGRID_NAME: '0' }, { EXPERTGRID_NAME: '0' }],
    [{ EXPERTGRID_STANDBY: '0', EXPERTGRID_JSON: '' }, {}],
    [{ EXPERTGRID_STANDBY: '1' }, { EXPERTGRID_STANDBY: '1' }],
  ])('turn switches on and off: %o', (env, left) => {
    readSwitches(switches(), env);
    expect(env).toEqual(left);
  });

  it('of a switch are refused with their name if the value means neither on nor off', () => {
    const env = { EXPERTGRID_STANDBY: 'maybe' };
    expect(() => readSwitches(switches(), env)).toThrow('EXPERTGRID_STANDBY=maybe');
  });
});

describe('a wrong command line', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  /** What the program prints on standard error. */
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
    [
      ['key', 'revoke', 'a'],
      /required option '--file <file>' not specified\nRun "expertgrid key revoke --help"/,
    ],
  ])('%o is refused with the reason and the command for help', async (args, reason) => {
    expect(await told(args)).toMatch(reason);
  });

  it('is refused if EXPERTGRID_SHARDS is a number, with the new name of the variable', async () => {
    vi.stubEnv('EXPERTGRID_SHARDS', '4');
    expect(await told(['up'])).toMatch(/EXPERTGRID_SHARDS=4: .*Set EXPERTGRID_SHARD_COUNT=4/);
  });
});

describe('flags that name a file', () => {
  it('are checked before anything starts, unless the file is to be written or the value may be an address', () => {
    const others = flags.filter(({ option }) => /file>$/.test(option.flags) && !isInput(option));
    expect(others.map(({ verb, option }) => `${verb} ${option.flags}`).sort()).toEqual([
      'create --file <file>',
      'edge --accounts <file>',
      'gateway --usage-log <file>',
      'plan --heat <url|file>',
      'plan --kubernetes <file>',
      'plan --out <file>',
      'up --usage-log <file>',
    ]);
  });
});

describe('help', () => {
  it('describes every flag by a phrase that begins with a capital letter and ends without a full stop', () => {
    const wrong = flags.filter(({ option }) => !/^[A-Z].*[^.]$/.test(option.description));
    expect(wrong.map(({ verb, option }) => `${verb} ${option.long}: ${option.description}`)).toEqual([]);
  });

  it('puts the flags of up, gateway and shard into groups', () => {
    const long = ['up', 'gateway', 'shard'];
    const alone = flags.filter(
      ({ verb, option }) => long.includes(verb) && option.helpGroupHeading === undefined,
    );
    expect(alone.map(({ verb, option }) => `${verb} ${option.long}`)).toEqual([]);
  });

  it('shows choices, default and an unusual environment variable after the description', () => {
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
