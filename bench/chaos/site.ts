// A shard at a fixed address. Behind the address is a relay, and behind the relay a process that can be killed, stopped,
// made to misbehave and started again.
import type { ChildProcess } from 'node:child_process';
import { formatAddress } from '../../rpc/address.ts';
import { type RelayThread, startRelayThread } from '../../test/support/network/relay-thread.ts';
import type { Behaviour, Counts } from './misbehaviour.ts';
import { end, hasEnded, spawnKept } from './processes.ts';
import type { ShardOrder, ShardReport } from './shard.ts';

export interface SiteOptions {
  /** Directory of the bundle. */
  model: string;
  /** Experts that the shard holds, such as 0-47. */
  experts: string;
  /** File descriptor for the output of the process. */
  log: number;
}

const HOST = '127.0.0.1';

export class Site {
  readonly address: string;
  readonly #options: SiteOptions;
  /** Can cut, garble and silence the connections of the shard. */
  readonly relay: RelayThread;
  #shard: ChildProcess;
  readonly #waiting: ((counts: Counts) => void)[] = [];

  private constructor(options: SiteOptions, relay: RelayThread, shard: ChildProcess) {
    this.address = formatAddress(relay.address);
    this.#options = options;
    this.relay = relay;
    this.#shard = shard;
    this.#listen();
  }

  static async open(options: SiteOptions): Promise<Site> {
    const { shard, port } = await startShard(options);
    return new Site(options, await startRelayThread({ to: { host: HOST, port } }), shard);
  }

  /** Starts a new process on a new port behind the same address. */
  async start(): Promise<void> {
    const { shard, port } = await startShard(this.#options);
    this.#shard = shard;
    this.#listen();
    this.relay.retarget({ host: HOST, port });
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#shard.kill(signal);
  }

  /** Resolves when the shard has drained and its process has ended. */
  leave(): Promise<void> {
    return end(this.#shard, 'SIGTERM');
  }

  /** Sets the behaviour. Resolves to the counts of the previous behaviour. */
  behave(behaviour: Behaviour): Promise<Counts> {
    return this.#ask({ type: 'behave', behaviour });
  }

  /** Counts since the behaviour was set. */
  counts(): Promise<Counts> {
    return this.#ask({ type: 'count' });
  }

  /** Whether the gateway still has connections open that the relay has silenced. */
  async isHalfOpen(): Promise<boolean> {
    return (await this.relay.state()).silent > 0;
  }

  async close(): Promise<void> {
    await end(this.#shard, 'SIGKILL');
    await this.relay.close();
  }

  #ask(order: ShardOrder): Promise<Counts> {
    const shard = this.#shard;
    if (hasEnded(shard)) return Promise.reject(new Error(`the shard at ${this.address} has ended`));
    return new Promise((resolve, reject) => {
      const onExit = () => reject(new Error(`the shard at ${this.address} ended before it answered`));
      shard.once('exit', onExit);
      this.#waiting.push((counts) => {
        shard.off('exit', onExit);
        resolve(counts);
      });
      shard.send(order);
    });
  }

  #listen(): void {
    this.#waiting.length = 0;
    this.#shard.on('message', (report: ShardReport) => {
      if (report.type === 'counts') this.#waiting.shift()?.(report.counts);
    });
  }
}

async function startShard({
  model,
  experts,
  log,
}: SiteOptions): Promise<{ shard: ChildProcess; port: number }> {
  const shard = spawnKept('shard.ts', [model, experts], { stdio: ['ignore', log, log, 'ipc'] });
  const port = await new Promise<number>((resolve, reject) => {
    shard.once('message', (report: ShardReport) => {
      if (report.type === 'ready') resolve(report.port);
    });
    shard.once('error', reject);
    shard.once('exit', () => reject(new Error(`a shard of experts ${experts} ended before it was ready`)));
  });
  return { shard, port };
}
