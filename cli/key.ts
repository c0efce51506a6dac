// `expertgrid key`: makes, lists and revokes the API keys of a gateway's callers. Knows no gateway.
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { drawKey, hashKey, KEY_NAME, MOST_WEIGHT, parseKeys, type StoredKey } from '../gateway/api/keys.ts';
import { integer } from './flags.ts';
import { addKey, removeKey } from './key-file.ts';

interface CreateFlags extends Pick<StoredKey, 'rpm' | 'tpm' | 'concurrency' | 'weight'> {
  admin?: true;
  file: string;
}

export function keyCommand(): Command {
  const command = new Command('key').description("Make, list and revoke the keys of a gateway's callers.");
  const count = integer({ min: 1, max: 2 ** 31 - 1 });
  verb(command, 'create', 'Make a key, print it once, and append its hash to the file.')
    .argument('<name>', 'whose key it is, in logs and metrics', toName)
    .option('--rpm <n>', 'requests a minute (default: any number)', count)
    .option('--tpm <n>', 'tokens a minute, of prompts and answers together (default: any number)', count)
    .option('--concurrency <n>', 'requests at once (default: any number)', count)
    .option(
      '--weight <n>',
      'times the share of the engine that other keys have while all are busy (default: 1)',
      integer({ min: 1, max: MOST_WEIGHT }),
    )
    .option('--admin', 'may also ask for metrics, shards and heat')
    .action(create);
  verb(command, 'list', 'List the keys in the file, with their limits.').action(list);
  verb(command, 'revoke', 'Take a key out of the file; gateways refuse it a second later.')
    .argument('<name>', 'of the key', toName)
    .action(async (name: string, { file }: { file: string }) => {
      await removeKey(file, name);
      process.stderr.write(`revoked ${name}; answers under way may end\n`);
    });
  return command;
}

function verb(command: Command, name: string, description: string): Command {
  return command
    .command(name)
    .description(description)
    .exitOverride()
    .addOption(
      new Option('--file <file>', "the gateway's --api-keys")
        .env('EXPERTGRID_API_KEYS')
        .makeOptionMandatory(),
    );
}

async function create(name: string, { file, ...limits }: CreateFlags): Promise<void> {
  const key = drawKey();
  await addKey(file, { name, sha256: hashKey(key), created: new Date().toISOString(), ...limits });
  // Alone on standard output, for scripts.
  process.stdout.write(`${key}\n`);
  process.stderr.write(`the key of ${name} is not kept anywhere: this is the only time it is shown\n`);
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
