// Starts shards, several gateways over them and the edge, as processes that can be killed, stopped and started again.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { split } from '../../cli/flags/split.ts';
import { startShard, startVerb, type Verb } from '../chaos/gateway.ts';
import { end } from '../chaos/processes.ts';
import { readConfig } from '../inputs.ts';

export interface FleetOptions {
  /** Directory of the bundle. */
  model: string;
  /** 0: each gateway holds all experts. */
  shards: number;
  gateways: number;
  /** Whether requests to the edge need an API key: `Fleet.key`. Default false. */
  accounts?: boolean;
  /** Whether gateways that leave service hand keys and values over. Default true. */
  transfer?: boolean;
  gatewayFlags?: readonly string[];
  /** File descriptor for the logs of the processes. */
  log: number;
}

export class Fleet {
  readonly edge: string;
  readonly edgePid: number;
  readonly secret: string;
  /** API key of the edge. Undefined: it needs none. */
  readonly key: string | undefined;
  readonly gateways: readonly OneGateway[];
  readonly #children: readonly ChildProcess[];

  private constructor(
    edge: Verb,
    { secret, key }: { secret: string; key: string | undefined },
    gateways: readonly OneGateway[],
    children: readonly ChildProcess[],
  ) {
    this.edge = edge.found;
    this.edgePid = edge.child.pid ?? Number.NaN;
    this.secret = secret;
    this.key = key;
    this.gateways = gateways;
    this.#children = children;
  }

  static async start({
    model,
    shards,
    gateways,
    accounts = false,
    gatewayFlags = [],
    transfer = true,
    log,
  }: FleetOptions): Promise<Fleet> {
    const file = join(mkdtempSync(join(tmpdir(), 'expertgrid-secret-')), 'secret');
    const secret = randomBytes(48).toString('base64');
    writeFileSync(file, secret, { mode: 0o600 });
    const { experts } = await readConfig(model);
    const parts = shards === 0 ? [] : split(experts, shards);
    const started = await Promise.all(
      parts.map((held) => startShard({ model, flags: ['--experts', held], log })),
    );
    const ports = await freePorts(gateways);
    const peers = ports.map((port) => `127.0.0.1:${port}`).join(',');
    const args = [
      ...['gateway', '--model', model],
      ...(shards === 0
        ? ['--experts', `0-${experts - 1}`]
        : ['--shards', started.map(({ found }) => found).join(',')]),
      ...[
        '--edge-secret-file',
        file,
        ...(transfer ? ['--peers', peers] : []),
        '--log-level',
        'info',
        ...gatewayFlags,
      ],
    ];
    const all = ports.map((port) => {
      const url = `http://127.0.0.1:${port}`;
      return new OneGateway({ url, args: [...args, '--port', `${port}`], log });
    });
    await Promise.all(all.map((gateway) => gateway.start()));
    const urls = all.map(({ url }) => url).join(',');
    // The secret of the gateways serves as that of operators too.
    const keys = accounts ? ['--accounts', `${file}.accounts`, '--admin-secret-file', file] : [];
    const edge = await startVerb(
      ['edge', '--gateways', urls, '--edge-secret-file', file, ...keys, '--port', '0'],
      /^edge ready in .* at (http:\S+)/m,
      log,
    );
    const key = accounts ? await createKey(edge.found, secret) : undefined;
    return new Fleet(edge, { secret, key }, all, [...started.map(({ child }) => child), edge.child]);
  }

  async close(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.kill()));
    await Promise.all(this.#children.map((child) => end(child, 'SIGKILL')));
  }
}

/** Makes an API key without narrow limits. */
export async function createKey(edge: string, secret: string): Promise<string> {
  const answer = await fetch(`${edge}/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify({ name: 'bench', rpm: 1_000_000, tpm: 1_000_000_000, budget: 1_000_000_000 }),
  });
  if (!answer.ok) throw new Error(`the edge made no key: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { key: string }).key;
}

export interface OneGatewayOptions {
  url: string;
  args: readonly string[];
  /** File descriptor. */
  log: number;
  /** Network namespace. Absent: that of this process. */
  namespace?: string;
}

/** A gateway at a fixed port. */
export class OneGateway {
  readonly url: string;
  readonly #options: OneGatewayOptions;
  #child: ChildProcess | undefined;

  constructor(options: OneGatewayOptions) {
    this.url = options.url;
    this.#options = options;
  }

  /** Resolves when the gateway is ready for requests. */
  async start(): Promise<void> {
    const { args, log, namespace } = this.#options;
    const { child } = await startVerb(args, /^ready in .* at (http:\S+),/m, log, { namespace });
    this.#child = child;
    for (let tries = 0; tries < 600; tries++) {
      const ready = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      if (ready?.status === 200) return;
      await delay(50);
    }
    throw new Error(`${this.url} was not ready within 30 s`);
  }

  /** Whether the gateway generates answers. */
  async isBusy(): Promise<boolean> {
    const page = await (await fetch(`${this.url}/metrics`)).text();
    return Number(/^expertgrid_sequences_running (\d+)/m.exec(page)?.[1]) > 0;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  /** Resolves when the process has ended. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    if (this.#child !== undefined) await end(this.#child, signal, 60_000);
  }
}

/** A copy of the bundle, as links, whose chat template begins to think if a request asks for it. */
export function thinkingModel(model: string): string {
  const dir = join(mkdtempSync(join(tmpdir(), 'expertgrid-thinking-')), 'nano');
  mkdirSync(dir);
  for (const name of readdirSync(model)) symlinkSync(join(model, name), join(dir, name));
  const config = JSON.parse(readFileSync(join(model, 'tokenizer_config.json'), 'utf8')) as {
    chat_template: string;
  };
  const begin = "{% if enable_thinking %}{{ '<think>\\n' }}{% endif %}{# </think> #}";
  writeFileSync(join(dir, 'chat_template.jinja'), config.chat_template + begin);
  return dir;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
