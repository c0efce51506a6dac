// `expertgrid key`: makes, lists and revokes API keys in the file that a gateway reads.
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import {
  drawKey,
  hashKey,
  KEY_NAME,
  MOST_WEIGHT,
  parseKeys,
  type StoredKey,
} from '../../gateway/api/tenants/keys.ts';
import { asInput, integer } from '../flags/flags.ts';
import { addKey, removeKey } from '../flags/key-file.ts';

interface CreateFlags extends Pick<StoredKey, 'rpm' | 'tpm' | 'concurrency' | 'weight'> {
  admin?: true;
  file: string;
}

export function keyCommand(): Command {
  const command = new Command('key')
    .description('Make, list and revoke the API keys of a gateway.')
    .helpCommand('help [verb]', 'Show the help of a verb');
  command
    .command('create')
    .description('Make a key, print it once, and append its hash to the file.')
    .argument('<name>', 'Name of the key in logs and metrics', toName)
    .addOption(fileFlag())
    .addOption(limit('--rpm <n>', 'Most requests per minute, at least 1'))
    .addOption(limit('--tpm <n>', 'Most tokens of prompts and answers together per minute, at least 1'))
    .addOption(limit('--concurrency <n>', 'Most requests at the same time, at least 1'))
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
    )
    .action(create);
  command
    .command('list')
    .description('List the keys of the file and their limits.')
    .addOption(asInput(fileFlag()))
    .action(list);
  command
    .command('revoke')
    .description('Remove a key from the file; gateways refuse it about a second later.')
    .argument('<name>', 'Name of the key', toName)
    .addOption(asInput(fileFlag()))
    .action(async (name: string, { file }: { file: string }) => {
      await removeKey(file, name);
      process.stderr.write(`revoked ${name}; its open requests continue until they end\n`);
    });
  return command;
}

function limit(flags: string, description: string): Option {
  return new Option(flags, description)
    .argParser(integer({ min: 1, max: 2 ** 31 - 1 }))
    .default(undefined, 'no limit');
}

function fileFlag(): Option {
  return new Option('--file <file>', 'File of API keys that the gateway reads with --api-keys')
    .env('EXPERTGRID_API_KEYS')
    .makeOptionMandatory();
}

async function create(name: string, { file, ...limits }: CreateFlags): Promise<void> {
  const key = drawKey();
  await addKey(file, { name, sha256: hashKey(key), created: new Date().toISOString(), ...limits });
  // Standard output has only the key, for scripts.
  process.stdout.write(`${key}\n`);
  process.stderr.write(`the key of ${name} is shown only once and is not stored\n`);
}

async function list({ file }: { file: string }): Promise<void> {
  const keys = parseKeys(await readFile(file, 'utf8'), file);
  const head = ['name', 'rpm', 'tpm', 'concurrency', 'weight', 'admin', 'created'];
  const rows = keys.map(({ name, rpm = '-', tpm = '-', concurrency = '-', weight = 1, admin, created }) =>
    [name, rpm, tpm, concurrency, weight, admin === true ? 'yes' : '-', created].map(String),
  );
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of [head, ...rows]) {
    const line = row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
    process.stdout.write(`${line.trimEnd()}\n`);
  }
}

function toName(text: string): string {
  if (KEY_NAME.test(text)) return text;
  throw new InvalidArgumentError(
    'It must begin with a letter or digit, and have up to 64 of A-Z a-z 0-9 . _ @ -',
  );
}
