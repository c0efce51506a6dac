// Shards under `--state` and gateways over relays that delay and break, each a process that can be killed and comes back;
// streams through every gateway all the while. Knows no operators.
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { formatAddress, parseAddress } from '../../rpc/address.ts';
import { type RelayThread, startRelayThread } from '../../test/support/network/relay-thread.ts';
import { uniform } from '../../test/support/random.ts';
import { Gateway, startVerb } from '../chaos/gateway.ts';
import { end } from '../chaos/processes.ts';
import type { CompletionBody } from '../chaos/requests.ts';
import { type Answer, runStreams } from '../chaos/streams.ts';

export interface FleetOptions {
  model: string;
  /** Name of the model. */
  modelName: string;
  names: readonly string[];
  /** What each shard holds at the start. */
  experts: readonly string[];
  gateways: number;
  /** Where the shards keep their state. */
  folder: string;
  log: number;
  /** Of the command line. */
  main: string;
  seed: number;
  requests: readonly CompletionBody[];
  onAnswer: (answer: Answer) => void;
}

/** A killed shard's experts are waited for; this is not about how long it takes to start. Milliseconds. */
const PATIENCE = 50_000;
const LONGEST_DELAY = 20;
/** Gateways connect again and try a shard's golden rows. Milliseconds. */
const TAKEN_BACK = 5_000;

interface Door {
  gateway: Gateway;
  relays: RelayThread[];
  streams: Promise<void>;
  alive: boolean;
}

export class BenchFleet {
  readonly addresses: readonly string[];
  readonly #options: FleetOptions;
  readonly #shards: ChildProcess[];
  readonly #doors: Door[] = [];
  /** When shards were killed and served again, on the clock of `performance.now()`. */
  readonly #away: { from: number; to: number }[] = [];

  private constructor(options: FleetOptions, shards: ChildProcess[], addresses: string[]) {
    this.#options = options;
    this.#shards = shards;
    this.addresses = addresses;
  }

  static async start(options: FleetOptions): Promise<BenchFleet> {
    const shards = await Promise.all(options.names.map((_, i) => startShard(options, i, 0)));
    const children = shards.map(({ child }) => child);
    const fleet = new BenchFleet(
      options,
      children,
      shards.map(({ found }) => found),
    );
    for (let gateway = 0; gateway < options.gateways; gateway++) {
      fleet.#doors.push(await fleet.#openDoor(await fleet.#relaysOf(gateway)));
    }
    return fleet;
  }

  /** SIGKILL; resolves when it serves again. */
  async killShard(shard: number): Promise<void> {
    const away = { from: performance.now(), to: Number.POSITIVE_INFINITY };
    this.#away.push(away);
    await end(this.#shards[shard]!, 'SIGKILL');
    const port = parseAddress(this.addresses[shard]!).port;
    this.#shards[shard] = (await startShard(this.#options, shard, port)).child;
    away.to = performance.now() + TAKEN_BACK;
  }

  /** Some shard was dead then, or not yet taken back by every gateway: what it alone holds cannot be called for. */
  wasAway(from: number, to: number): boolean {
    return this.#away.some((away) => away.from < to && from < away.to);
  }

  /** SIGKILL, and its streams with it; resolves when another one has taken its place. */
  async killGateway(gateway: number): Promise<void> {
    const door = this.#doors[gateway]!;
    door.alive = false;
    await door.gateway.close();
    await door.streams;
    this.#doors[gateway] = await this.#openDoor(door.relays);
  }

  /** Breaks the connections of a gateway to a shard, or lets them fall silent. */
  disturb(kind: 'cut' | 'silence', gateway: number, shard: number): void {
    this.#doors[gateway]?.relays[shard]?.[kind]();
  }

  /** Every expert can be called for at every gateway. */
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
        startRelayThread({ to: parseAddress(address), delayMs: LONGEST_DELAY * next(), jitterMs: 5 }),
      ),
    );
  }

  async #openDoor(relays: RelayThread[]): Promise<Door> {
    const { model, modelName, log, main, requests, onAnswer } = this.#options;
    const waiting = ['--patience', `${PATIENCE}`, '--call-deadline', `${PATIENCE + 5_000}`];
    const shards = relays.map(({ address }) => formatAddress(address));
    const gateway = await Gateway.start({ model, shards, flags: waiting, log, main });
    const door: Door = { gateway, relays, streams: Promise.resolve(), alive: true };
    door.streams = runStreams({
      url: gateway.url,
      model: modelName,
      requests,
      streams: 1,
      hungMs: PATIENCE + 10_000,
      onAnswer: (answer) => {
        if (door.alive) onAnswer(answer); // what ends with its gateway is no fault of a placement's
      },
      goesOn: () => door.alive,
    });
    return door;
  }
}

async function startShard(
  { model, names, experts, folder, log, main }: FleetOptions,
  shard: number,
  port: number,
) {
  const name = names[shard] ?? '';
  const held = ['--experts', experts[shard] ?? '', '--state', join(folder, name), '--name', name];
  const args = ['shard', '--model', model, '--port', `${port}`, '--threads', '1', ...held];
  return await startVerb(args, /^shard ready on ([^\s,]+):/m, log, main);
}
