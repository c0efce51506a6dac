// Starts the real Worker under `wrangler dev` in front of gateways.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const wrangler = join(createRequire(import.meta.url).resolve('wrangler/package.json'), '../bin/wrangler.js');

export interface EdgeProcess {
  url: string;
  stop(): Promise<void>;
}

interface StartOptions {
  /** Shared with the gateways. */
  secret?: string;
  readyMs?: number;
}

/** Needs no account and no internet. Rejects with the output of wrangler if the Worker is not ready within `readyMs`. */
export async function startEdge(
  gateways: readonly string[],
  { secret, readyMs = 60_000 }: StartOptions = {},
): Promise<EdgeProcess> {
  const scratch = await mkdtemp(join(tmpdir(), 'edge-'));
  const flags = ['--ip', '127.0.0.1', '--port', '0', '--inspector-port', '0', '--persist-to', scratch];
  const variables = [
    `GATEWAYS:${gateways.join(',')}`,
    ...(secret === undefined ? [] : [`EDGE_SECRET:${secret}`]),
  ];
  const given = variables.flatMap((variable) => ['--var', variable]);
  const child = spawn(process.execPath, [wrangler, 'dev', ...flags, ...given], {
    cwd: root,
    env: { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: scratch },
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
