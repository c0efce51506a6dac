// Starts the real Worker under `wrangler dev` in front of gateways.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

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
  readyMs?: number;
}

/** Needs no account and no internet. Rejects with the output of wrangler if the Worker is not ready within `readyMs`. */
export async function startEdge(
  gateways: readonly string[],
  { secret, adminSecret, region, readyMs = 60_000 }: StartOptions = {},
): Promise<EdgeProcess> {
  const scratch = await mkdtemp(join(tmpdir(), 'edge-'));
  const flags = ['--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0', '--persist-to', scratch];
  const variables = [
    `GATEWAYS:${gateways.join(',')}`,
    ...(secret === undefined ? [] : [`EDGE_SECRET:${secret}`]),
    ...(secret === undefined || adminSecret !== undefined ? [] : ['ANYONE:allow']),
    ...(adminSecret === undefined ? [] : [`ADMIN_SECRET:${adminSecret}`]),
    ...(region === undefined ? [] : [`REGION:${region}`]),
  ];
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: scratch };
  if (adminSecret !== undefined) {
    const apply = ['d1', 'migrations', 'apply', 'DB', '--local', '--persist-to', scratch];
    await promisify(execFile)(process.execPath, [wrangler, ...apply], { cwd: root, env });
  }
  const given = variables.flatMap((variable) => ['--var', variable]);
  const child = spawn(process.execPath, [wrangler, 'dev', ...flags, ...given], {
    cwd: root,
    env,
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
