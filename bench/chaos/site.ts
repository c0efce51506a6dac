// A shard at a fixed address. Behind the address is a relay, and behind the relay a process that can be killed, stopped,
// made to misbehave and started again.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { formatAddress } from '../../rpc/address.ts';
import { type RelayThread, startRelayThread } from '../../test/support/network/relay-thread.ts';
import type { Behaviour, Counts } from './misbehaviour.ts';
import { end, hasEnded, spawnKept } from './processes.ts';
import type { ShardOrder, ShardReport } from './shard.ts';

interface SiteOptions {
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

  private constructor(options: SiteOptions, relay: RelayThread, shard: ChildProcess) {
    this.address = formatAddress(relay.address);
    this.#options = options;
    this.relay = relay;
    this.#shard = shard;
  }

  static async open(options: SiteOptions): Promise<Site> {
    const { shard, port } = await startShard(options);
    return new Site(options, await startRelayThread({ to: { host: HOST, port } }), shard);
  }

  /** Starts a new process on a new port behind the same address. */
  async start(): Promise<void> {
    const { shard, port } = await startShard(this.#options);
    this.#shard = shard;
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

  /** Orders must not overlap, because a report does not say which order it answers. */
  async #ask(order: ShardOrder): Promise<Counts> {
    const reported = nextReport(this.#shard);
    this.#shard.send(order);
    const report = await reported;
    if (report.type !== 'counts') throw new Error(`the shard at ${this.address} answered ${report.type}`);
    return report.counts;
  }
}

async function startShard({
  model,
  experts,
  log,
}: SiteOptions): Promise<{ shard: ChildProcess; port: number }> {
  const shard = spawnKept('shard.ts', [model, experts], { stdio: ['ignore', log, log, 'ipc'] });
  const report = await nextReport(shard);
  if (report.type !== 'ready') throw new Error(`a shard of experts ${experts} answered ${report.type}`);
  return { shard, port: report.port };
}

/** Rejects if the process of the shard ends before it reports. */
async function nextReport(shard: ChildProcess): Promise<ShardReport> {
  if (hasEnded(shard)) throw new Error('the process of a shard has ended');
  const waiting = new AbortController();
  const ended = once(shard, 'exit', waiting).then(() => {
    throw new Error('the process of a shard ended before it answered');
  });
  try {
    const [report] = await Promise.race([once(shard, 'message', waiting), ended]);
    return report;
  } finally {
    waiting.abort();
  }
}
