// A gateway process, or any verb that prints its address, and what a gateway reports about its shards and counters.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { end, hasEnded, spawnKept } from './processes.ts';

export interface Verb {
  child: ChildProcess;
  /** The ready line's first group. */
  found: string;
}

/** This checkout's command line. Another checkout's may be started instead, to compare. */
export const ownMain = '../../cli/main.ts';

/** A verb of the command line, until it has said `ready`; its errors go to the file descriptor `log`. */
export async function startVerb(
  args: readonly string[],
  ready: RegExp,
  log: number,
  main = ownMain,
): Promise<Verb> {
  // Its own group: a terminal's Ctrl-C is its parent's to act on. Where the parent is killed, it leaves as under npm.
  const env = { ...process.env, npm_lifecycle_event: 'chaos' };
  const child = spawnKept(main, args, { stdio: ['ignore', 'pipe', log], detached: true, env });
  const found = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, match] = ready.exec(said) ?? [];
      if (match !== undefined) resolve(match);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`expertgrid ${args.join(' ')} ended with ${code} before it served`));
    });
  });
  return { child, found };
}

export interface GatewayOptions {
  model: string;
  /** Addresses of its shards. */
  shards: readonly string[];
  flags: readonly string[];
  log: number;
  main?: string;
}

export class Gateway {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor({ child, found }: Verb) {
    this.url = found;
    this.#child = child;
  }

  /** Resolves when every shard is in service. */
  static async start({ model, shards, flags, log, main }: GatewayOptions): Promise<Gateway> {
    const where = ['--model', model, '--shards', shards.join(','), '--port', '0', '--log-level', 'info'];
    const verb = await startVerb(['gateway', ...where, ...flags], /^ready in .* at (http:\S+),/m, log, main);
    const gateway = new Gateway(verb);
    for (const shard of shards) {
      if (!(await gateway.comesToServe(shard, 30_000))) {
        throw new Error(`the gateway does not take the shard at ${shard} into service`);
      }
    }
    return gateway;
  }

  get hasEnded(): boolean {
    return hasEnded(this.#child);
  }

  /** The state of each shard by its address; undefined if the gateway does not tell. */
  async states(): Promise<Map<string, string> | undefined> {
    const list = await this.#list();
    return list && new Map(list.map(({ address, state }) => [String(address), String(state)]));
  }

  /** Expected time of a call to each shard, as the gateway has learnt it. Milliseconds. */
  async expectedCallMs(): Promise<number[]> {
    const list = (await this.#list()) ?? [];
    return list.map(({ expected_ms }) => Number(expected_ms));
  }

  /** Whether the gateway calls the shard. */
  async serves(shard: string): Promise<boolean> {
    return (await this.states())?.get(shard) === 'available';
  }

  /** Waits for it; false after `withinMs`. */
  async comesToServe(shard: string, withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs;
    while (!(await this.serves(shard))) {
      if (performance.now() > until) return false;
      await delay(25);
    }
    return true;
  }

  /** Samples of /metrics without labels, by name. */
  async counters(): Promise<Map<string, number>> {
    const page = await (await fetch(new URL('/metrics', this.url))).text();
    const samples = page.matchAll(/^(\w+) (\S+)$/gm);
    return new Map(Array.from(samples, ([, name = '', value]) => [name, Number(value)]));
  }

  /** GET /v1/shards; undefined if the engine did not answer in time. */
  async #list(): Promise<Record<string, unknown>[] | undefined> {
    const response = await fetch(new URL('/v1/shards', this.url));
    const text = await response.text();
    if (response.status === 503) return undefined;
    if (response.status !== 200) throw new Error(`GET /v1/shards: ${response.status} ${text.slice(0, 300)}`);
    return (JSON.parse(text) as { data: Record<string, unknown>[] }).data;
  }

  /** Resolves when the process has ended; SIGTERM lets its streams end first. */
  close(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    return end(this.#child, signal, 60_000);
  }
}
