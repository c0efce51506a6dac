// `expertgrid up` as a separate process, for benchmarks that use its HTTP API.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { untilOutput } from './child-output.ts';
import { endTree } from './process-tree.ts';

export interface OurProcess {
  pid: number;
  /** Resolves when the process has ended, whatever the reason. */
  ended: Promise<unknown>;
  hasEnded(): boolean;
  stop(): Promise<void>;
}

export interface UpProcess extends OurProcess {
  /** Address of the gateway. */
  url: string;
}

interface StartOptions {
  /** The cli/main.ts to run. Default: that of this checkout. */
  main?: string;
  printErrors?: boolean;
}

const ourMain = fileURLToPath(new URL('../cli/main.ts', import.meta.url));

/** What a gateway, or `up`, prints when it is ready. The group is its address. */
export const GATEWAY_READY = /^ready in .* at (http:\S+),/m;

/** What a shard prints when it is ready. The group is its address. */
export const SHARD_READY = /^shard ready on (\S+):/m;

/** As `SHARD_READY` of a shard with --metrics-port. `shardAddresses` reads the group. */
export const METERED_SHARD_READY = /(shard ready on [\s\S]*metrics at \S+)/;

/** The address of a shard with --metrics-port, and that of its metrics. */
export function shardAddresses(said: string): { shard: string; metrics: string } {
  const [, shard = ''] = /shard ready on (\S+):/.exec(said) ?? [];
  const [, metrics = ''] = /metrics at (\S+)/.exec(said) ?? [];
  return { shard, metrics };
}

const READY_EVERY_MS = 20;
const LONGEST_START_MS = 120_000;

/** Resolves when the gateway is ready. It need not listen yet. */
export async function untilReady(url: string): Promise<void> {
  const until = performance.now() + LONGEST_START_MS;
  while (performance.now() < until) {
    const answer = await fetch(new URL('/health/ready', url)).catch(() => undefined);
    if (answer?.ok === true) return;
    await delay(READY_EVERY_MS);
  }
  throw new Error(`${url} was not ready within ${LONGEST_START_MS / 1_000} s`);
}

/** Starts `up` with `--model`, `--port` and these flags. See `startOurs`. */
export async function startUp(
  model: string,
  flags: readonly string[],
  options: StartOptions = {},
): Promise<UpProcess> {
  const args = ['up', '--model', model, '--port', '0', '--log-level', 'warn', ...flags];
  const { address: url, ...up } = await startOurs(args, GATEWAY_READY, options);
  return { ...up, url };
}

/**
 * Starts the command line, and resolves when its output matches `ready`, whose first group is its `address`. If it ends before that,
 * rejects with its output.
 */
export async function startOurs(
  args: readonly string[],
  ready: RegExp,
  { main = ourMain, printErrors = true }: StartOptions = {},
): Promise<OurProcess & { address: string }> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  if (printErrors) child.stderr.pipe(process.stderr);
  const ended = once(child, 'close');
  await once(child, 'spawn');
  const pid = child.pid ?? Number.NaN;
  const address = await untilOutput(child, ready, `expertgrid ${args[0]}`);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return { pid, address, ended, hasEnded, stop: () => endTree(pid, ended) };
}

/** Makes SIGINT and SIGTERM stop `up` before this process exits. */
export function stopAtSignals({ stop }: UpProcess): void {
  process.once('SIGINT', () => void stop().then(() => process.exit(130)));
  process.once('SIGTERM', () => void stop().then(() => process.exit(143)));
}
