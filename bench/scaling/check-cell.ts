// A cell of real processes that is scaled while it runs: gateways, and groups of shards, each shard behind a relay that delays its
// messages.
import type { ChildProcess } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ScalingPage } from '../../infra/scaling/pages.ts';
import { parseAddress } from '../../rpc/address.ts';
import { type RelayThread, startRelayThread } from '../../test/support/network/relay-thread.ts';
import { startShard, startVerb } from '../chaos/gateway.ts';
import { end, openLog } from '../chaos/processes.ts';
import { GATEWAY_READY, untilReady } from '../up-process.ts';

export interface CheckCellOptions {
  model: string;
  /** Experts of each group, as for `shard --experts`. */
  groups: readonly string[];
  /** Milliseconds in each direction between gateways and shards. */
  delayMs: number;
  gatewayFlags: readonly string[];
  graceSeconds: number;
}

export interface LiveGateway {
  url: string;
  /** Requests that the client has open at it. */
  open: number;
}

interface Slot<Live> {
  live: Promise<Live>;
  /** Undefined until it is ready. */
  ready: Live | undefined;
  isLeaving: boolean;
}

type GatewaySlot = Slot<LiveGateway & { child: ChildProcess }>;
type ShardSlot = Slot<{ child: ChildProcess; relay: RelayThread; address: string }>;

/** Longest time to wait for a page. A gateway that does not answer within it is left out of a poll. */
const PAGE_MS = 1_000;
/** A shard that leaves has this long after its address is gone from the file. */
const FORGET_MS = 1_500;
const DRAIN_MS = 15_000;

export class CheckCell {
  readonly #options: CheckCellOptions;
  readonly #file: string;
  readonly #log: number;
  readonly #gateways: GatewaySlot[] = [];
  readonly #groups: ShardSlot[][];
  readonly #leaving = new Set<Promise<unknown>>();
  /** Seconds that each start took until the process served. */
  readonly startSeconds: { gateways: number[]; shards: number[] } = { gateways: [], shards: [] };

  constructor(options: CheckCellOptions) {
    const { folder, log } = openLog('scaling');
    this.#options = options;
    this.#file = join(folder, 'shards');
    this.#log = log;
    this.#groups = options.groups.map(() => []);
  }

  /** Asks for numbers of replicas: of gateways, then of each group. Returns at once. */
  setReplicas([gateways = 0, ...groups]: readonly number[]): void {
    for (const [i, count] of groups.entries()) this.#scaleGroup(i, count);
    const staying = this.#gateways.filter(({ isLeaving }) => !isLeaving);
    for (let i = staying.length; i < gateways; i++) this.#gateways.push(this.#startGateway());
    for (const slot of newestFirst(staying).slice(0, Math.max(0, staying.length - gateways))) {
      slot.isLeaving = true;
      this.#leave(slot.live.then(({ child }) => end(child, 'SIGTERM', 1000 * this.#options.graceSeconds)));
    }
  }

  replicas(): { current: number; ready: number }[] {
    const count = (slots: readonly Slot<unknown>[]) => {
      const staying = slots.filter(({ isLeaving }) => !isLeaving);
      return { current: staying.length, ready: staying.filter(({ ready }) => ready !== undefined).length };
    };
    return [count(this.#gateways), ...this.#groups.map(count)];
  }

  /** Resolves when every replica that was asked for is ready. */
  async settled(): Promise<void> {
    await Promise.all([...this.#gateways, ...this.#groups.flat()].map(({ live }) => live));
  }

  gateways(): LiveGateway[] {
    return this.#gateways.flatMap(({ ready, isLeaving }) =>
      ready === undefined || isLeaving ? [] : [ready],
    );
  }

  /** Pages of the gateways that answer in time. */
  async pages(): Promise<ScalingPage[]> {
    const pages = await Promise.allSettled(
      this.gateways().map(async ({ url }) => {
        const answer = await fetch(new URL('/v1/scaling', url), { signal: AbortSignal.timeout(PAGE_MS) });
        return (await answer.json()) as ScalingPage;
      }),
    );
    return pages.flatMap((page) => (page.status === 'fulfilled' ? [page.value] : []));
  }

  async close(): Promise<void> {
    // Shards that leave close themselves.
    const shards = this.#groups.flat().filter(({ isLeaving }) => !isLeaving);
    const ended = [
      ...this.#gateways.map(async ({ live }) => end((await live).child, 'SIGKILL')),
      ...shards.map(async ({ live }) => {
        const { child, relay } = await live;
        await end(child, 'SIGKILL');
        await relay.close();
      }),
    ];
    await Promise.allSettled([...ended, ...this.#leaving]);
  }

  #startGateway(): GatewaySlot {
    const { model, gatewayFlags, graceSeconds } = this.#options;
    const startedAt = performance.now();
    const args = ['gateway', '--model', model, '--port', '0', '--shards-file', this.#file];
    const start = async () => {
      const grace = ['--grace', `${graceSeconds}`];
      const { child, found } = await startVerb(
        [...args, ...grace, ...gatewayFlags],
        GATEWAY_READY,
        this.#log,
      );
      await untilReady(found);
      this.startSeconds.gateways.push((performance.now() - startedAt) / 1000);
      return { child, url: found, open: 0 };
    };
    return slotOf(start());
  }

  #scaleGroup(group: number, count: number): void {
    const slots = this.#groups[group] ?? [];
    const staying = slots.filter(({ isLeaving }) => !isLeaving);
    for (let i = staying.length; i < count; i++)
      slots.push(this.#startShard(this.#options.groups[group] ?? ''));
    for (const slot of newestFirst(staying).slice(0, Math.max(0, staying.length - count))) {
      slot.isLeaving = true;
      this.#leave(this.#removeShard(slot));
    }
  }

  #startShard(experts: string): ShardSlot {
    const startedAt = performance.now();
    const start = async () => {
      const flags = ['--experts', experts, '--threads', '1', '--spin', '0'];
      const { child, found } = await startShard({ model: this.#options.model, flags, log: this.#log });
      const relay = await startRelayThread({ to: parseAddress(found), delayMs: this.#options.delayMs });
      const address = `${relay.address.host}:${relay.address.port}`;
      this.startSeconds.shards.push((performance.now() - startedAt) / 1000);
      return { child, relay, address };
    };
    const slot = slotOf(start());
    void slot.live.then(() => this.#writeAddresses());
    return slot;
  }

  async #removeShard(slot: ShardSlot): Promise<void> {
    const { child, relay } = await slot.live;
    this.#writeAddresses();
    await delay(FORGET_MS);
    await end(child, 'SIGTERM', DRAIN_MS);
    await relay.close();
  }

  /** Replaces the file at once, because gateways may read it at any time. */
  #writeAddresses(): void {
    const ready = this.#groups
      .flat()
      .flatMap(({ ready, isLeaving }) => (isLeaving ? [] : (ready?.address ?? [])));
    writeFileSync(`${this.#file}.new`, `${ready.join('\n')}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  #leave(leaving: Promise<unknown>): void {
    this.#leaving.add(leaving);
    void leaving.finally(() => this.#leaving.delete(leaving));
  }
}

function slotOf<Live>(live: Promise<Live>): Slot<Live> {
  const slot: Slot<Live> = { live, ready: undefined, isLeaving: false };
  void live.then((ready) => {
    slot.ready = ready;
  });
  return slot;
}

/** Those that are not ready before all others, as Deployments remove them. */
function newestFirst<Live>(slots: readonly Slot<Live>[]): Slot<Live>[] {
  const starting = slots.filter(({ ready }) => ready === undefined);
  const ready = slots.filter((slot) => slot.ready !== undefined);
  return [...starting.toReversed(), ...ready.toReversed()];
}
