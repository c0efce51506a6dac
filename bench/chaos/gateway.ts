// Starts gateways, shards and other verbs of the command line as processes, and reads what a gateway reports.
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { untilOutput } from '../child-output.ts';
import { end, hasEnded, spawnKept } from './processes.ts';

export interface Verb {
  child: ChildProcess;
  /** Text that the first group of `ready` matched. */
  found: string;
}

/** The cli/main.ts of this checkout. Callers may name the file of another checkout instead, to compare both. */
export const ownMain = '../../cli/main.ts';

/**
 * Starts a verb of the command line, and resolves when its output matches `ready`. Its stderr goes to the file descriptor
 * `log`. Rejects if the process ends before its output matches.
 */
export async function startVerb(
  args: readonly string[],
  ready: RegExp,
  log: number,
  { main = ownMain, namespace }: { main?: string | undefined; namespace?: string | undefined } = {},
): Promise<Verb> {
  // The child has its own process group, so that Ctrl-C reaches only this process, which handles it. `npm_lifecycle_event`
  // makes the child end if this process is killed.
  const env = { ...process.env, npm_lifecycle_event: 'chaos' };
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', log], detached: true, env };
  const child = spawnKept(main, args, options, namespace);
  const found = await untilOutput(child, ready, `expertgrid ${args.join(' ')}`);
  return { child, found };
}

interface ProcessOptions {
  /** Directory of the bundle. */
  model: string;
  flags?: readonly string[];
  /** File descriptor for the stderr of the process. */
  log: number;
  main?: string;
  /** Default: 0, a free port. */
  port?: string | number;
}

/** Starts a shard. `found` is its address. */
export function startShard({ model, flags = [], log, main, port = 0 }: ProcessOptions): Promise<Verb> {
  const args = ['shard', '--model', model, '--port', `${port}`, ...flags];
  return startVerb(args, /^shard ready on ([^\s,]+):/m, log, { main });
}

interface GatewayOptions extends ProcessOptions {
  /** Addresses of its shards. */
  shards: readonly string[];
}

export class Gateway {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor({ child, found }: Verb) {
    this.url = found;
    this.#child = child;
  }

  /** Resolves when every shard is in service. Rejects if a shard is not in service within 30 s. */
  static async start({ model, shards, flags = [], log, main, port = 0 }: GatewayOptions): Promise<Gateway> {
    const where = ['--model', model, '--shards', shards.join(','), '--port', `${port}`];
    const args = ['gateway', ...where, '--log-level', 'info', ...flags];
    const verb = await startVerb(args, /^ready in .* at (http:\S+),/m, log, { main });
    const gateway = new Gateway(verb);
    for (const shard of shards) {
      if (!(await gateway.comesToServe(shard, 30_000))) {
        throw new Error(`the gateway did not take the shard at ${shard} into service within 30 s`);
      }
    }
    return gateway;
  }

  get hasEnded(): boolean {
    return hasEnded(this.#child);
  }

  /** State of each shard by address. Undefined if the engine did not answer in time. */
  async states(): Promise<Map<string, string> | undefined> {
    const list = await this.#list();
    return list && new Map(list.map(({ address, state }) => [String(address), String(state)]));
  }

  /** For each shard, the time in milliseconds that the gateway expects a call to take. */
  async expectedCallMs(): Promise<number[]> {
    const list = (await this.#list()) ?? [];
    return list.map(({ expected_ms }) => Number(expected_ms));
  }

  /** Whether the gateway calls the shard. */
  async serves(shard: string): Promise<boolean> {
    return (await this.states())?.get(shard) === 'available';
  }

  /** Resolves to true when the gateway calls the shard, or to false after `withinMs`. */
  async comesToServe(shard: string, withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs;
    while (!(await this.serves(shard))) {
      if (performance.now() > until) return false;
      await delay(25);
    }
    return true;
  }

  /** Samples of /metrics that have no labels, by name. */
  async counters(): Promise<Map<string, number>> {
    const page = await (await fetch(new URL('/metrics', this.url))).text();
    const samples = page.matchAll(/^(\w+) (\S+)$/gm);
    return new Map(Array.from(samples, ([, name = '', value]) => [name, Number(value)]));
  }

  /** Answer of GET /v1/shards. Undefined if the engine did not answer in time. */
  async #list(): Promise<Record<string, unknown>[] | undefined> {
    const response = await fetch(new URL('/v1/shards', this.url));
    const text = await response.text();
    if (response.status === 503) return undefined;
    if (response.status !== 200) throw new Error(`GET /v1/shards: ${response.status} ${text.slice(0, 300)}`);
    return (JSON.parse(text) as { data: Record<string, unknown>[] }).data;
  }

  /** Resolves when the process has ended. After SIGTERM, the gateway first waits up to 60 s for its streams to end. */
  close(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    return end(this.#child, signal, 60_000);
  }
}
