// `expertgrid key`: makes, lists and revokes the API keys of a gateway, in their file.
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
  verb(command, 'create', 'Make a key, print it once, and append its hash to the file.')
    .argument('<name>', 'Name of the key in logs and metrics', toName)
    .addOption(fileFlag())
    .addOption(limit('--rpm <n>', 'Most requests per minute, at least 1'))
    .addOption(limit('--tpm <n>', 'Most tokens per minute, in prompts and answers together, at least 1'))
    .addOption(limit('--concurrency <n>', 'Most requests at once, at least 1'))
    .addOption(
      new Option(
        '--weight <n>',
        `Weight of the key's share of the engine while other keys are busy, 1–${MOST_WEIGHT}`,
      )
        .argParser(integer({ min: 1, max: MOST_WEIGHT }))
        .default(undefined, '1'),
    )
    .option('--admin', 'Let the key also read metrics, shards and heat')
    .action(create);
  verb(command, 'list', 'List the keys of the file and their limits.')
    .addOption(asInput(fileFlag()))
    .action(list);
  verb(command, 'revoke', 'Remove a key from the file; gateways refuse it about a second later.')
    .argument('<name>', 'Name of the key', toName)
    .addOption(asInput(fileFlag()))
    .action(async (name: string, { file }: { file: string }) => {
      await removeKey(file, name);
      process.stderr.write(`revoked ${name}; its open requests may end\n`);
    });
  return command;
}

function limit(flags: string, description: string): Option {
  return new Option(flags, description)
    .argParser(integer({ min: 1, max: 2 ** 31 - 1 }))
    .default(undefined, 'no limit');
}

function verb(command: Command, name: string, description: string): Command {
  return command.command(name).description(description);
}

function fileFlag(): Option {
  return new Option('--file <file>', "The gateway's --api-keys file")
    .env('EXPERTGRID_API_KEYS')
    .makeOptionMandatory();
}

async function create(name: string, { file, ...limits }: CreateFlags): Promise<void> {
  const key = drawKey();
  await addKey(file, { name, sha256: hashKey(key), created: new Date().toISOString(), ...limits });
  // Alone on standard output, for scripts.
  process.stdout.write(`${key}\n`);
  process.stderr.write(`the key of ${name} is shown only this once, and stored nowhere\n`);
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
