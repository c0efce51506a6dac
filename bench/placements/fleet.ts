// A fleet of gateways and of shards with `--state`. Its processes can be killed and are then started again. The
// connections run over relays that can delay and break them, and text streams through every gateway.
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { formatAddress, parseAddress } from '../../rpc/address.ts';
import { type RelayThread, startRelayThread } from '../../test/support/network/relay-thread.ts';
import { uniform } from '../../test/support/random.ts';
import { Gateway, startShard, type Verb } from '../chaos/gateway.ts';
import { end } from '../chaos/processes.ts';
import type { CompletionBody } from '../chaos/requests.ts';
import { type Answer, runStreams } from '../chaos/streams.ts';

export interface FleetOptions {
  model: string;
  /** Name that the gateways give the model. */
  modelName: string;
  /** Names of the shards. */
  names: readonly string[];
  /** Experts that each shard holds at the start. */
  experts: readonly string[];
  /** Number of gateways. */
  gateways: number;
  /** Folder for the states of the shards. */
  folder: string;
  /** File descriptor for the logs of the processes. */
  log: number;
  /** The cli/main.ts to run. */
  main: string;
  seed: number;
  requests: readonly CompletionBody[];
  onAnswer: (answer: Answer) => void;
}

/** Gateways wait this long for the experts of a killed shard, which is longer than a shard takes to start. */
const PATIENCE_MS = 50_000;
const LONGEST_DELAY_MS = 20;
/** Time in which gateways connect to a restarted shard and run its golden check. */
const TAKEN_BACK_MS = 5_000;

interface Door {
  gateway: Gateway;
  /** From this gateway to each shard. */
  relays: RelayThread[];
  /** Resolves when the streams through this gateway have ended. */
  streams: Promise<void>;
  /** False once the gateway is killed. */
  alive: boolean;
}

export class BenchFleet {
  readonly addresses: readonly string[];
  readonly #options: FleetOptions;
  readonly #shards: ChildProcess[];
  readonly #doors: Door[] = [];
  /** Times in which a shard was dead or not yet in service again, on the clock of `performance.now()`. */
  readonly #away: { from: number; to: number }[] = [];

  private constructor(options: FleetOptions, shards: readonly Verb[]) {
    this.#options = options;
    this.#shards = shards.map(({ child }) => child);
    this.addresses = shards.map(({ found }) => found);
  }

  static async start(options: FleetOptions): Promise<BenchFleet> {
    const shards = await Promise.all(options.names.map((_, i) => start(options, i, 0)));
    const fleet = new BenchFleet(options, shards);
    for (let gateway = 0; gateway < options.gateways; gateway++) {
      fleet.#doors.push(await fleet.#openDoor(await fleet.#relaysOf(gateway)));
    }
    return fleet;
  }

  /** Kills a shard with SIGKILL. Resolves when its new process is ready. */
  async killShard(shard: number): Promise<void> {
    const away = { from: performance.now(), to: Number.POSITIVE_INFINITY };
    this.#away.push(away);
    await end(this.#shards[shard]!, 'SIGKILL');
    const port = parseAddress(this.addresses[shard]!).port;
    this.#shards[shard] = (await start(this.#options, shard, port)).child;
    away.to = performance.now() + TAKEN_BACK_MS;
  }

  /** Whether a shard was out of service at some time from `from` to `to`. Calls of its units could fail then. */
  wasAway(from: number, to: number): boolean {
    return this.#away.some((away) => away.from < to && from < away.to);
  }

  /** Kills a gateway with SIGKILL, which ends its streams. Resolves when a new gateway has taken its place. */
  async killGateway(gateway: number): Promise<void> {
    const door = this.#doors[gateway]!;
    door.alive = false;
    await door.gateway.close();
    await door.streams;
    this.#doors[gateway] = await this.#openDoor(door.relays);
  }

  /** Breaks or silences the connections of a gateway to a shard. */
  disturb(kind: 'cut' | 'silence', gateway: number, shard: number): void {
    this.#doors[gateway]?.relays[shard]?.[kind]();
  }

  /** Whether every gateway can call every expert. */
  async isReady(): Promise<boolean> {
    const statuses = this.#doors.map(async ({ gateway }) => {
      return (await fetch(new URL('/health/ready', gateway.url))).status === 200;
    });
    return (await Promise.all(statuses)).every((ready) => ready);
  }

  get urls(): string[] {
    return this.#doors.map(({ gateway }) => gateway.url);
  }

  async close(): Promise<void> {
    for (const door of this.#doors) door.alive = false;
    await Promise.all(this.#doors.map(({ gateway }) => gateway.close()));
    await Promise.all(this.#doors.map(({ streams }) => streams));
    await Promise.all(this.#doors.flatMap(({ relays }) => relays.map((relay) => relay.close())));
    await Promise.all(this.#shards.map((child) => end(child, 'SIGKILL')));
  }

  async #relaysOf(gateway: number): Promise<RelayThread[]> {
    const next = uniform(this.#options.seed + gateway);
    return await Promise.all(
      this.addresses.map((address) =>
        startRelayThread({ to: parseAddress(address), delayMs: LONGEST_DELAY_MS * next(), jitterMs: 5 }),
      ),
    );
  }

  async #openDoor(relays: RelayThread[]): Promise<Door> {
    const { model, modelName, log, main, requests, onAnswer } = this.#options;
    const waiting = ['--patience', `${PATIENCE_MS}`, '--call-deadline', `${PATIENCE_MS + 5_000}`];
    const shards = relays.map(({ address }) => formatAddress(address));
    const gateway = await Gateway.start({ model, shards, flags: waiting, log, main });
    const door: Door = { gateway, relays, streams: Promise.resolve(), alive: true };
    door.streams = runStreams({
      url: gateway.url,
      model: modelName,
      requests,
      streams: 1,
      hungMs: PATIENCE_MS + 10_000,
      onAnswer: (answer) => {
        if (door.alive) onAnswer(answer); // an answer that ends because its gateway was killed does not count
      },
      goesOn: () => door.alive,
    });
    return door;
  }
}

function start(options: FleetOptions, shard: number, port: number): Promise<Verb> {
  const { names, experts, folder } = options;
  const name = names[shard] ?? '';
  const held = ['--experts', experts[shard] ?? '', '--state', join(folder, name), '--name', name];
  return startShard({ ...options, port, flags: ['--threads', '1', ...held] });
}
