// `expertgrid key`: makes, lists and changes API keys, in the file that a gateway reads or at an edge.
import { Command, InvalidArgumentError, Option } from 'commander';
import { readRegularFile } from '../../base/read-file.ts';
import { parseSecrets } from '../../resume/secrets.ts';
import { KEY_NAME, MOST_LIMIT, MOST_WEIGHT } from '../../tenancy/api-key.ts';
import { originOf } from '../edge/origin.ts';
import { asInput, commaSeparated, flag, inputFlag, integer, UsageError } from '../flags/flags.ts';
import { removeKey } from '../flags/key-file.ts';
import type { EdgeAdmin } from '../key/edge-admin.ts';
import {
  changeAtEdge,
  createAtEdge,
  type EdgeKeyFields,
  importToEdge,
  listEdge,
  printUsage,
  rotateAtEdge,
  usageAsCsv,
} from '../key/edge-keys.ts';
import { createInFile, type FileKeyFields, listFile } from '../key/file-keys.ts';

/** Where keys are kept: in a file, or at an edge. */
interface PlaceFlags {
  file?: string;
  edge?: string;
  /** Path of a file. */
  adminSecretFile?: string;
}

/** Removes a limit that the key has. Commander takes no null. */
const NONE = Symbol('none');

interface LimitFlags {
  rpm?: number | typeof NONE;
  tpm?: number | typeof NONE;
  concurrency?: number | typeof NONE;
  weight?: number;
  budget?: number | typeof NONE;
  models?: string[] | typeof NONE;
  regions?: string[] | typeof NONE;
  expires?: string | typeof NONE;
  admin?: true;
}

const DEFAULT_GRACE_S = 86_400;

export function keyCommand(): Command {
  const command = new Command('key')
    .description('Make, list and change the API keys of a gateway (--file) or of an edge (--edge).')
    .helpCommand('help [verb]', 'Show the help of a verb');
  addLimits(
    at(command.command('create'), 'any')
      .description('Make a key and print it once. Only its hash is stored.')
      .argument('<name>', 'Name of the key in logs and metrics', toName),
  ).action(create);
  at(command.command('list'), 'any')
    .description('List the keys and their limits.')
    .action(async (flags: PlaceFlags, self: Command) => {
      const place = await placeOf(flags, self);
      await ('file' in place ? listFile(place.file) : listEdge(place));
    });
  at(command.command('revoke'), 'file')
    .description('Remove a key from the file; gateways refuse it about a second later.')
    .argument('<name>', 'Name of the key', toName)
    .action(async (name: string, { file }: { file: string }) => {
      await removeKey(file, name);
      say(`revoked ${name}; its open requests continue until they end`);
    });
  addEdgeVerbs(command);
  addUsage(command);
  return command;
}

function addEdgeVerbs(command: Command): void {
  at(command.command('rotate'), 'edge')
    .description(
      'Draw a new key of the same name and print it once. The key before it stays valid for a while.',
    )
    .argument('<name>', 'Name of the key', toName)
    .addOption(
      new Option('--grace <seconds>', 'Seconds for which the key before stays valid, 0–7776000')
        .argParser(integer({ max: 7_776_000 }))
        .default(DEFAULT_GRACE_S),
    )
    .action(async (name: string, flags: PlaceFlags & { grace: number }) => {
      const { key, until } = await rotateAtEdge(await edgeOf(flags), name, flags.grace);
      process.stdout.write(`${key}\n`);
      say(
        `the key of ${name} is shown only once and is not stored; the one before it is valid until ${until}`,
      );
    });
  addLimits(
    at(command.command('change'), 'edge')
      .description('Change limits and permissions of a key. They take effect within 10 s.')
      .argument('<name>', 'Name of the key', toName),
  ).action(async (name: string, flags: PlaceFlags & LimitFlags) => {
    await changeAtEdge(await edgeOf(flags), name, fieldsOf(flags));
    say(`changed ${name}`);
  });
  for (const [verb, disabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    at(command.command(verb), 'edge')
      .description(`${disabled ? 'Refuse a key' : 'Accept a disabled key again'}, within 10 s.`)
      .argument('<name>', 'Name of the key', toName)
      .action(async (name: string, flags: PlaceFlags) => {
        await changeAtEdge(await edgeOf(flags), name, { disabled });
        say(`${verb}d ${name}${disabled ? '; its open requests continue until they end' : ''}`);
      });
  }
  at(command.command('import'), 'edge')
    .description("Give the keys of a gateway's --api-keys file to the edge, with their limits.")
    .addArgument(command.createArgument('<file>', 'File of API keys'))
    .action(async (file: string, flags: PlaceFlags) => {
      const count = await importToEdge(await edgeOf(flags), file);
      say(`imported ${count} keys of ${file}`);
    });
}

function addUsage(command: Command): void {
  at(command.command('usage'), 'edge')
    .description('Print what keys have used: a table of days, or CSV.')
    .addArgument(
      command.createArgument('[name]', 'Name of a key; all keys if it is left out').argParser(toName),
    )
    .addOption(
      new Option('--from <time>', 'First day or time, such as 2026-12-01').default(undefined, '31 days ago'),
    )
    .addOption(
      new Option('--to <time>', 'Day or time before which the requests began').default(undefined, 'now'),
    )
    .addOption(
      new Option('--csv <rows>', 'Print CSV with a row for each day or request').choices(['day', 'request']),
    )
    .action(async (key: string | undefined, flags: PlaceFlags & UsageFlags) => {
      const { from, to, csv } = flags;
      const edge = await edgeOf(flags);
      if (csv === undefined) await printUsage(edge, { key, from, to });
      else process.stdout.write(await usageAsCsv(edge, { key, from, to, by: csv }));
    });
}

interface UsageFlags {
  from?: string;
  to?: string;
  csv?: 'day' | 'request';
}

/** Adds the flags that say where the keys are. */
function at(command: Command, where: 'file' | 'edge' | 'any'): Command {
  if (where !== 'edge') {
    const file = new Option('--file <file>', 'File of API keys that gateways read with --api-keys').env(
      'EXPERTGRID_API_KEYS',
    );
    const isRead = command.name() !== 'create';
    const option = isRead ? asInput(file) : file;
    command.addOption(where === 'file' ? option.makeOptionMandatory() : option);
  }
  if (where === 'file') return command;
  return command
    .addOption(
      flag('--edge <url>', 'Address of an edge with --accounts').argParser((text) =>
        originOf(text, 'an edge'),
      ),
    )
    .addOption(inputFlag('--admin-secret-file <file>', 'File with the secret of operators of the edge'));
}

function addLimits(command: Command): Command {
  const forEdge = (description: string) => `${description} (only with --edge)`;
  return command
    .addOption(limit('--rpm <n>', 'Most requests per minute, at least 1'))
    .addOption(limit('--tpm <n>', 'Most tokens of prompts and answers together per minute, at least 1'))
    .addOption(limit('--concurrency <n>', 'Most requests at the same time, at least 1'))
    .addOption(
      limit(
        '--budget <n>',
        forEdge('Most tokens of prompts and answers together per calendar month (UTC)'),
        Number.MAX_SAFE_INTEGER,
      ),
    )
    .addOption(names('--models <name,…>', forEdge('Models that the key may use')))
    .addOption(names('--regions <name,…>', forEdge('Regions that may serve the key')))
    .addOption(
      new Option(
        '--expires <time>',
        forEdge('When the key expires, such as 2027-01-31 or 2027-01-31T12:00Z; or never'),
      )
        .argParser(orNone('never', toTime))
        .default(undefined, 'never'),
    )
    .addOption(
      new Option(
        '--weight <n>',
        `Weight of the key while several keys are busy, 1–${MOST_WEIGHT}. Engine time is divided in proportion to the weights`,
      )
        .argParser(integer({ min: 1, max: MOST_WEIGHT }))
        .default(undefined, '1'),
    )
    .option(
      '--admin',
      'Let the key also read metrics, shards and heat, drain shards, and use priorities below 0',
    );
}

async function create(name: string, flags: PlaceFlags & LimitFlags, self: Command): Promise<void> {
  const place = await placeOf(flags, self);
  const key =
    'file' in place
      ? await createInFile(place.file, name, fileFieldsOf(flags))
      : await createAtEdge(place, name, fieldsOf(flags));
  // Standard output has only the key, for scripts.
  process.stdout.write(`${key}\n`);
  say(`the key of ${name} is shown only once and is not stored`);
}

function fileFieldsOf(flags: LimitFlags): FileKeyFields {
  const { rpm, tpm, concurrency, weight, admin, budget, models, regions, expires } = flags;
  if ([budget, models, regions, expires].some((given) => given !== undefined)) {
    throw new UsageError('--budget, --models, --regions and --expires need --edge');
  }
  const limitOf = (value: number | typeof NONE | undefined) => (value === NONE ? undefined : value);
  return { rpm: limitOf(rpm), tpm: limitOf(tpm), concurrency: limitOf(concurrency), weight, admin };
}

function fieldsOf(flags: LimitFlags): EdgeKeyFields {
  const { rpm, tpm, concurrency, weight, admin, budget, models, regions, expires } = flags;
  return {
    rpm: orNull(rpm),
    tpm: orNull(tpm),
    concurrency: orNull(concurrency),
    weight,
    scopes: admin && ['generate', 'admin'],
    budget: orNull(budget),
    models: orNull(models),
    regions: orNull(regions),
    expires: orNull(expires),
  };
}

function orNull<T>(value: T | typeof NONE): T | null {
  return value === NONE ? null : value;
}

async function placeOf(flags: PlaceFlags, command: Command): Promise<{ file: string } | EdgeAdmin> {
  const { file, edge } = flags;
  if (edge !== undefined && command.getOptionValueSource('file') === 'cli') {
    throw new UsageError('a key is either in the --file of a gateway or at an --edge. Leave one of them out');
  }
  if (edge !== undefined) return await edgeOf(flags);
  if (file !== undefined) return { file };
  throw new UsageError('give --file for the keys of a gateway, or --edge for those of an edge');
}

async function edgeOf({ edge, adminSecretFile: path }: PlaceFlags): Promise<EdgeAdmin> {
  if (edge === undefined) throw new UsageError('give the address of the edge with --edge');
  if (path === undefined) throw new UsageError('--edge needs --admin-secret-file');
  const [secret] = parseSecrets((await readRegularFile(path)).toString(), path);
  return { edge, secret };
}

function limit(flags: string, description: string, max = MOST_LIMIT): Option {
  return new Option(flags, `${description}; none removes the limit`)
    .argParser(orNone('none', integer({ min: 1, max })))
    .default(undefined, 'no limit');
}

function names(flags: string, description: string): Option {
  return new Option(flags, `${description}; all allows every one`)
    .argParser(orNone('all', commaSeparated))
    .default(undefined, 'all');
}

/** Parses `word` to NONE, and other texts as `parse` does. */
function orNone<T>(word: string, parse: (text: string) => T): (text: string) => T | typeof NONE {
  return (text) => (text === word ? NONE : parse(text));
}

function toTime(text: string): string {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new InvalidArgumentError(
    'It must be a date such as 2027-01-31, or a time such as 2027-01-31T12:00Z.',
  );
}

function toName(text: string): string {
  if (KEY_NAME.test(text)) return text;
  throw new InvalidArgumentError(
    'It must begin with a letter or digit, and have up to 64 of A-Z a-z 0-9 . _ @ -',
  );
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
