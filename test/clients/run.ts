// `npm run test:clients`: tries third-party clients and agents, installed from npm beside the project, against `up` on
// nano and on a model with a long context. Prints a table; the last line is JSON; exit code 1 if a client fails.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startUp, type UpProcess } from '../../bench/up-process.ts';
import { type Client, LeftOut, type ModelName, modelNames } from './client.ts';
import { clientFiles } from './list.ts';
import { longContext, makeLongModel } from './long-model.ts';
import { type Line, table } from './table.ts';

const here = import.meta.dirname;
const DEFAULT_TIMEOUT_MS = 120_000;

/** Aborted at Ctrl-C, which ends the running client and then the gateway. */
const interrupted = new AbortController();
const clientNames = [...clientFiles.keys()];

const help = `Usage: npm run test:clients -- [options]

Try third-party clients and coding agents against expertgrid. The first run installs them from npm into
test/clients/node_modules (about 1.6 GB).

  --only <name,…>    clients to try (default all): ${clientNames.join(', ')}
  --model <name>     model to try them on: nano or long (default both)
  --python <venv>    virtual environment with lm-eval[api]; without it, lm-eval is left out
  --record <folder>  folder to which the agents' requests and their answers are written
  --markdown         print the table for docs/clients.md
  --help             print this text
`;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    model: { type: 'string', multiple: true, default: [...modelNames] },
    python: { type: 'string' },
    record: { type: 'string' },
    markdown: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const only = flags.only.flatMap((names) => names.split(','));
  const unknown = [
    ...only.filter((name) => !clientFiles.has(name)),
    ...flags.model.filter((name) => !modelNames.some((known) => known === name)),
  ];
  if (unknown.length > 0) {
    process.stderr.write(`There is no client or model ${unknown.join(', ')}.\n${help}`);
    return 2;
  }
  install();
  if (!typesHold()) return 1;
  if (flags.python !== undefined) process.env.EXPERTGRID_TEST_PYTHON = flags.python;
  if (flags.record !== undefined) mkdirSync(flags.record, { recursive: true });
  const lines: Line[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'expertgrid-clients-'));
  try {
    for (const model of modelNames.filter((name) => flags.model.includes(name))) {
      lines.push(...(await tryAll(model, only.length > 0 ? only : clientNames, folder)));
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  process.stdout.write(`\n${table(lines, flags.markdown)}\n`);
  process.stdout.write(`${JSON.stringify({ commit: commit(), lines })}\n`);
  const failed = interrupted.signal.aborted || lines.some(({ result }) => result === 'failed');
  return failed ? 1 : 0;
}

/**
 * Installs the packages of the lockfile, unless they are installed. Runs no script of any package. Uses `npm install`,
 * because `npm ci` refuses a lockfile without the packages of other platforms, which some registries do not mirror.
 */
function install(): void {
  const lockfile = createHash('sha256')
    .update(readFileSync(join(here, 'package-lock.json')))
    .digest('hex');
  const stamp = join(here, 'node_modules', '.installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockfile) return;
  process.stderr.write('installing the clients into test/clients/node_modules …\n');
  const args = ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', args, { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(stamp, lockfile);
}

/** Checks the types of this folder's files. `npm run types` leaves them out, because it must pass if no client is installed. */
function typesHold(): boolean {
  const tsc = join(here, '..', '..', 'node_modules', '.bin', 'tsc');
  return spawnSync(tsc, ['--noEmit', '-p', here], { stdio: 'inherit' }).status === 0;
}

/** Starts a gateway for a model and tries one client after another. */
async function tryAll(model: ModelName, names: readonly string[], folder: string): Promise<Line[]> {
  const clients = await Promise.all(names.map(clientOf));
  const tried = clients.filter(({ models = modelNames }) => models.includes(model));
  if (tried.length === 0) return [];
  const up = await start[model](folder);
  const lines: Line[] = [];
  try {
    for (const client of tried) {
      if (!interrupted.signal.aborted) lines.push(await tryOne(client, model, up, folder));
    }
  } finally {
    await up.stop();
  }
  return lines;
}

/** Loads the file of a client. If that fails, this client fails and the others are still tried. */
async function clientOf(name: string): Promise<Client> {
  try {
    return (await import(`./${clientFiles.get(name)}.ts`)) as Client;
  } catch (error) {
    return { name, packages: [], run: () => Promise.reject(error) };
  }
}

const start: Record<ModelName, (folder: string) => Promise<UpProcess>> = {
  nano: () => startUp('nano', ['--in-process']),
  long: async (folder) => startUp(await makeLongModel(folder), ['--in-process']),
};

const contexts: Record<ModelName, number> = {
  nano: JSON.parse(readFileSync(join(here, '..', '..', 'models', 'nano', 'config.json'), 'utf8'))
    .max_position_embeddings,
  long: longContext,
};

async function tryOne(client: Client, model: ModelName, up: UpProcess, within: string): Promise<Line> {
  const { name, packages, timeoutMs = DEFAULT_TIMEOUT_MS } = client;
  const folder = await mkdtemp(join(within, 'run-'));
  // If `versions` fails, `run` fails as well and says why.
  const versions = (await client.versions?.().catch(() => [])) ?? packages.map(versionOf);
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), interrupted.signal]);
  const began = performance.now();
  const line = (result: Line['result'], said: string): Line => {
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    process.stderr.write(
      `${result === 'passed' ? '✓' : result} ${name} on ${model}, ${seconds} s: ${said}\n`,
    );
    return { client: name, versions, model, tried: said, result, seconds };
  };
  try {
    const timeUp = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        const why = interrupted.signal.aborted
          ? 'was interrupted'
          : `took longer than ${timeoutMs / 1_000} s`;
        reject(new Error(why));
      });
    });
    const setting = {
      baseUrl: up.url,
      model,
      context: contexts[model],
      folder,
      signal,
      record: flags.record,
    };
    return line('passed', await Promise.race([client.run(setting), timeUp]));
  } catch (error) {
    if (error instanceof LeftOut) return line('left out', error.message);
    return line('failed', error instanceof Error ? error.message : String(error));
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** `name version` of an installed package. */
function versionOf(packageName: string): string {
  const file = join(here, 'node_modules', packageName, 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return `${packageName} ${version}`;
}

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8' }).trim();
}

process.once('SIGINT', () => interrupted.abort());
if (flags.help) process.stdout.write(help);
else process.exitCode = await main();
