// `npm run dev:edge`: the edge as a Worker under `wrangler dev`, with D1 and Durable Objects, in front of two cells with nano on this
// machine. Makes an API key and prints a request. Ctrl-C ends all processes. Needs no account and no internet.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const scratch = mkdtempSync(join(tmpdir(), 'expertgrid-edge-'));
const wrangler = join(createRequire(import.meta.url).resolve('wrangler/package.json'), '../bin/wrangler.js');
const [edgeSecret, adminSecret] = [draw(), draw()];
const secretFile = join(scratch, 'edge-secret');
writeFileSync(secretFile, edgeSecret, { mode: 0o600 });

/** The cells, with a place each, so that callers are sent to the nearer one. */
const places = { eu: { latitude: 50.1, longitude: 8.7 }, us: { latitude: 40.7, longitude: -74 } };
const children: ChildProcess[] = [];
let ending = false;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end(0));

try {
  const regions = await Promise.all(
    Object.entries(places).map(async ([name, place]) => ({ name, place, gateways: [await startCell(name)] })),
  );
  const url = await startWorker(JSON.stringify({ regions }));
  const key = await createKey(url);
  process.stdout.write(`
edge ready at ${url}: two regions, ${Object.keys(places).join(' and ')}
admin secret: ${adminSecret}

  curl -N ${url}/v1/chat/completions -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\
    -d '{"model": "nano", "messages": [{"role": "user", "content": "Good morning."}], "max_tokens": 60, "stream": true}'
  curl '${url}/usage?by=request' -H 'authorization: Bearer ${key}'

Ctrl-C ends the edge and both cells.
`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  await end(1);
}

function draw(): string {
  return randomBytes(36).toString('base64url');
}

/** Resolves to the address of its gateway. */
async function startCell(name: string): Promise<string> {
  const flags = [
    '--port',
    '0',
    '--shards',
    '2',
    '--log-level',
    'warn',
    '--edge-secret-file',
    secretFile,
    '--edge-only',
  ];
  const main = join(root, 'bin', 'expertgrid.js');
  const [, url = ''] = await startAndWait(
    [main, 'up', ...flags],
    /ready in .* at (http:\S+?),/,
    `cell ${name}`,
  );
  return url;
}

async function startWorker(regions: string): Promise<string> {
  const store = ['--persist-to', scratch];
  const env = { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG_PATH: scratch };
  const apply = [wrangler, 'd1', 'migrations', 'apply', 'DB', '--local', ...store];
  execFileSync(process.execPath, apply, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const variables = { REGIONS: regions, REGION: 'eu', EDGE_SECRET: edgeSecret, ADMIN_SECRET: adminSecret };
  const given = Object.entries(variables).flatMap(([name, value]) => ['--var', `${name}:${value}`]);
  const flags = ['--ip', '127.0.0.1', '--inspector-port', '0', ...store, ...given];
  const [, url = ''] = await startAndWait(
    [wrangler, 'dev', ...flags],
    /Ready on (http:\S+)/,
    'wrangler dev',
    env,
  );
  return url;
}

/** Resolves to the match of `ready` in the output. Rejects with the output if the process ends before. */
async function startAndWait(
  args: string[],
  ready: RegExp,
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<RegExpExecArray> {
  // Ctrl-C at a terminal reaches this process alone, which then ends the others in order.
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.push(child);
  let printed = '';
  return await new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      if (!ending) reject(new Error(`${name} ended with ${code}:\n${printed}`));
    });
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        printed = `${printed}${text}`.slice(-10_000);
        const found = ready.exec(printed);
        if (found !== null) resolve(found);
      });
    }
  });
}

async function createKey(url: string): Promise<string> {
  const answer = await fetch(`${url}/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminSecret}` },
    body: JSON.stringify({ name: 'developer', rpm: 60, budget: 1_000_000 }),
  });
  if (!answer.ok) throw new Error(`the edge made no key: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { key: string }).key;
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  const ended = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(ended.filter((_, i) => children[i]?.exitCode === null));
  rmSync(scratch, { recursive: true, force: true });
  process.exit(code);
}
