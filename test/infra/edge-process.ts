// Starts the real Worker under `wrangler dev` in front of gateways.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Region } from '../../infra/edge/regions/regions.ts';
import { afterFile } from '../support/after-file.ts';

const root = join(import.meta.dirname, '..', '..');
const wrangler = join(createRequire(import.meta.url).resolve('wrangler/package.json'), '../bin/wrangler.js');

export interface EdgeProcess {
  url: string;
  stop(): Promise<void>;
}

interface StartOptions {
  /** Shared with the gateways. */
  secret?: string;
  /** The secret of operators. Absent: the edge has no accounts. */
  adminSecret?: string;
  region?: string;
  /** Origins of the web pages that may call. Absent: none. */
  corsOrigins?: readonly string[] | undefined;
  /** Seconds for which requests wait while no gateway is ready. */
  coldStart?: number | undefined;
  readyMs?: number;
}

/** The variable of `gateways`: their addresses, or their regions. */
function placesOf(gateways: readonly string[] | readonly Region[]): string {
  const isOfAddresses = gateways.every((each) => typeof each === 'string');
  return isOfAddresses
    ? `GATEWAYS:${gateways.join(',')}`
    : `REGIONS:${JSON.stringify({ regions: gateways })}`;
}

function environment(logs: string): NodeJS.ProcessEnv {
  return { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: logs };
}

/** A folder with the empty tables of D1. Making them takes as long as starting a Worker, so that each Worker gets a copy. */
let tables: Promise<string> | undefined;

function withTables(): Promise<string> {
  tables ??= makeTables();
  return tables;
}

async function makeTables(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-tables-'));
  afterFile(() => {
    tables = undefined;
    return rm(folder, { recursive: true, force: true });
  });
  const apply = ['d1', 'migrations', 'apply', 'DB', '--local', '--persist-to', folder];
  await promisify(execFile)(process.execPath, [wrangler, ...apply], { cwd: root, env: environment(folder) });
  return folder;
}

/** Needs no account and no internet. Rejects with the output of wrangler if the Worker is not ready within `readyMs`. */
export async function startEdge(
  gateways: readonly string[] | readonly Region[],
  { secret, adminSecret, region, corsOrigins, coldStart, readyMs = 60_000 }: StartOptions = {},
): Promise<EdgeProcess> {
  const scratch = await mkdtemp(join(tmpdir(), 'edge-'));
  const flags = ['--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0', '--persist-to', scratch];
  const variables = [
    placesOf(gateways),
    ...(secret === undefined ? [] : [`EDGE_SECRET:${secret}`]),
    ...(secret === undefined || adminSecret !== undefined ? [] : ['ANYONE:allow']),
    ...(adminSecret === undefined ? [] : [`ADMIN_SECRET:${adminSecret}`]),
    ...(region === undefined ? [] : [`REGION:${region}`]),
    ...(corsOrigins === undefined ? [] : [`CORS_ORIGINS:${corsOrigins.join(',')}`]),
    ...(coldStart === undefined ? [] : [`COLD_START:${coldStart}`]),
  ];
  if (adminSecret !== undefined) await cp(await withTables(), scratch, { recursive: true });
  const given = variables.flatMap((variable) => ['--var', variable]);
  const child = spawn(process.execPath, [wrangler, 'dev', ...flags, ...given], {
    cwd: root,
    env: environment(scratch),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  async function stop(): Promise<void> {
    // After SIGTERM, wrangler ends workerd. After SIGKILL, workerd would go on running.
    child.kill();
    await exited;
    await rm(scratch, { recursive: true, force: true });
  }

  let printed = '';
  const ready = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(fail, readyMs, `was not ready within ${readyMs} ms`);
    function fail(why: string): void {
      clearTimeout(timer);
      reject(new Error(`wrangler dev ${why}:\n${printed}`));
    }
    child.once('exit', (code) => fail(`exited with ${code}`));
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        const [, url] = /Ready on (http:\S+)/.exec(printed) ?? [];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
    }
  });
  try {
    return { url: await ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
