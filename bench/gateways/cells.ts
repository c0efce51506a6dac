// Two cells (a gateway with its shards each) in two network namespaces, and an edge in front of them that runs in the namespace of
// the near one. A relay delays everything between the namespaces. Needs Linux, root and the command `ip`.
import { type ChildProcess, execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { split } from '../../cli/flags/split.ts';
import { startRelayThread } from '../../test/support/network/relay-thread.ts';
import { startVerb } from '../chaos/gateway.ts';
import { end } from '../chaos/processes.ts';
import { readConfig } from '../inputs.ts';
import { createKey, type Fleet, OneGateway, type OneGatewayOptions } from './fleet.ts';

export interface CellsOptions {
  /** Directory of the bundle. */
  model: string;
  /** Shards of each cell. */
  shards: number;
  /** Milliseconds between the cells, in each direction. */
  delayMs: number;
  gatewayFlags: readonly string[];
  /** File descriptor for the logs of the processes. */
  log: number;
}

/** Names of the regions, of their namespaces and of the network devices in these. */
export const NEAR = 'eg-near';
export const FAR = 'eg-far';
const FAR_ADDRESS = '10.83.0.2';
const GATEWAY_PORT = 8080;
const FIRST_SHARD_PORT = 7001;
/** Set in the process that runs in the near namespace. */
const INSIDE = 'EXPERTGRID_BENCH_NAMESPACE';

/**
 * Runs this process again in the near namespace if it is not there yet, between making and removing both namespaces. Returns false
 * in the outer process, when the inner one has ended.
 */
export function enterNamespaces(): boolean {
  if (process.env[INSIDE] === NEAR) return true;
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error('two network namespaces need Linux and root; run this as root, with iproute2 installed');
  removeNamespaces();
  try {
    for (const name of [NEAR, FAR]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('link', 'add', NEAR, 'netns', NEAR, 'type', 'veth', 'peer', 'name', FAR, 'netns', FAR);
    for (const [name, address] of [[NEAR, '10.83.0.1'] as const, [FAR, FAR_ADDRESS] as const]) {
      ip('-n', name, 'address', 'add', `${address}/24`, 'dev', name);
      ip('-n', name, 'link', 'set', name, 'up');
    }
    const again = [process.execPath, ...process.argv.slice(1)];
    const env = { ...process.env, [INSIDE]: NEAR };
    const { status } = spawnSync('ip', ['netns', 'exec', NEAR, ...again], { stdio: 'inherit', env });
    process.exitCode = status ?? 1;
  } finally {
    removeNamespaces();
  }
  return false;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function removeNamespaces(): void {
  const { stdout = '' } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const name of [NEAR, FAR]) if (new RegExp(`^${name}\\b`, 'm').test(stdout)) ip('netns', 'del', name);
}

/** A gateway and its shards, which start and end together. */
class Cell extends OneGateway {
  readonly #shards: readonly (readonly string[])[];
  readonly #where: Pick<OneGatewayOptions, 'log' | 'namespace'>;
  #running: ChildProcess[] = [];

  constructor(shards: readonly (readonly string[])[], options: OneGatewayOptions) {
    super(options);
    this.#shards = shards;
    this.#where = options;
  }

  override async start(): Promise<void> {
    const { log, namespace } = this.#where;
    const started = await Promise.all(
      this.#shards.map((args) => startVerb(args, /^shard ready on (\S+):/m, log, { namespace })),
    );
    this.#running = started.map(({ child }) => child);
    await super.start();
  }

  override async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const shards = this.#running;
    this.#running = [];
    await Promise.all([super.kill(signal), ...shards.map((child) => end(child, signal))]);
  }
}

/** Opens both cells and the edge. Must run in the near namespace. The first of the `gateways` is the near cell. */
export async function startCells({
  model,
  shards,
  delayMs,
  gatewayFlags,
  log,
}: CellsOptions): Promise<Pick<Fleet, 'edge' | 'key' | 'gateways' | 'close'>> {
  const folder = mkdtempSync(join(tmpdir(), 'expertgrid-cells-'));
  const [secretFile, regionsFile] = [join(folder, 'secret'), join(folder, 'regions.json')];
  const secret = randomBytes(48).toString('base64');
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const parts = split((await readConfig(model)).experts, shards);
  const cellIn = (namespace: string, host: string) => {
    const addresses = parts.map((_, n) => `127.0.0.1:${FIRST_SHARD_PORT + n}`);
    const held = parts.map((experts, n) => [
      ...['shard', '--model', model, '--experts', experts, '--port', `${FIRST_SHARD_PORT + n}`],
      ...['--threads', '1'],
    ]);
    const args = [
      ...['gateway', '--model', model, '--shards', addresses.join(','), '--host', host],
      ...[
        '--port',
        `${GATEWAY_PORT}`,
        '--edge-secret-file',
        secretFile,
        '--log-level',
        'info',
        ...gatewayFlags,
      ],
    ];
    return { held, options: { url: `http://${host}:${GATEWAY_PORT}`, args, log, namespace } };
  };
  const relay = await startRelayThread({ to: { host: FAR_ADDRESS, port: GATEWAY_PORT }, delayMs });
  const cells = [cellIn(NEAR, '127.0.0.1'), cellIn(FAR, FAR_ADDRESS)].map(
    ({ held, options }) => new Cell(held, options),
  );
  await Promise.all(cells.map((cell) => cell.start()));
  const urls = [cells[0]?.url, `http://127.0.0.1:${relay.address.port}`];
  const regions = [NEAR, FAR].map((name, i) => ({ name, gateways: [urls[i]] }));
  writeFileSync(regionsFile, JSON.stringify({ regions }));
  // The secret of the gateways serves as that of operators too.
  const keys = ['--accounts', join(folder, 'accounts.db'), '--admin-secret-file', secretFile];
  const edge = await startVerb(
    ['edge', '--regions', regionsFile, '--edge-secret-file', secretFile, ...keys, '--port', '0'],
    /^edge ready in .* at (http:\S+)/m,
    log,
  );
  return {
    edge: edge.found,
    key: await createKey(edge.found, secret),
    gateways: cells,
    close: async () => {
      await Promise.all([...cells.map((cell) => cell.kill()), end(edge.child, 'SIGKILL'), relay.close()]);
    },
  };
}
