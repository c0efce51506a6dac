// The gateways of an edge: their health, and the requests in progress at each of them.
import { sleep } from '../repeats.ts';
import { chooseGateway, ranked } from './choice.ts';
import { type Health, type HealthEvent, healthAfter, isHealthy, newHealth } from './health.ts';
import { Pace } from './pace.ts';

/** Time between two calls of `onUse` for a request. */
const USE_MS = 20_000;

export interface Gateway {
  /** Origin, such as `https://eu-1.example.com`. */
  readonly url: string;
  readonly region: string;
  readonly pace: Pace;
  health: Health;
  /** One for each request in progress. */
  readonly aborts: Set<AbortController>;
  /** Number of continuations that wait for their turn. */
  waiting: number;
  /** Shortest of the last round trips of health checks, in milliseconds. Undefined: not measured. */
  roundTripMs: number | undefined;
}

/** One request at one gateway. */
export interface Attempt {
  readonly gateway: Gateway;
  /** Aborted if the client leaves, if the gateway is silent, or by `abort`. */
  readonly signal: AbortSignal;
  /** The gateway gave an answer. */
  answered(): void;
  /** The gateway gave no answer, or cannot work. */
  failed(): void;
  abort(reason: unknown): void;
  /** Why the attempt failed: the reason for which it was aborted, or else what was thrown. */
  causeOf(thrown: unknown): unknown;
  /** Must be called in the end. Later calls have no effect. */
  end(): void;
}

interface ChooseOptions {
  /** Names of the regions that may serve, the preferred one first. Undefined: every region, all alike. */
  regions?: readonly string[] | undefined;
  key?: string | undefined;
  lost?: ReadonlySet<Gateway>;
  /** Gateways that must not be chosen. */
  refused?: ReadonlySet<Gateway>;
  /** Gateways that are chosen only if no other is left. */
  unavailable?: ReadonlySet<Gateway>;
}

export class Gateways {
  readonly all: readonly Gateway[];
  /** Called from time to time while a request is at a gateway of the region, or waits for one. */
  readonly onUse: (region: string) => void;

  constructor(
    gateways: readonly Pick<Gateway, 'url' | 'region'>[],
    onUse: (region: string) => void = () => {},
  ) {
    this.onUse = onUse;
    this.all = gateways.map(({ url, region }) => ({
      ...{ url, region },
      pace: new Pace(),
      health: newHealth,
      aborts: new Set(),
      waiting: 0,
      roundTripMs: undefined,
    }));
  }

  isHealthy(gateway: Gateway): boolean {
    return isHealthy(gateway.health, performance.now());
  }

  /** The gateway at this `host:port`, which is the address by which other gateways know it. */
  at(address: string | undefined): Gateway | undefined {
    return this.all.find(({ url }) => addressOf(url) === address);
  }

  in(region: string): Gateway[] {
    return this.all.filter((gateway) => gateway.region === region);
  }

  /** Undefined if every gateway has refused. */
  choose({ regions, key, lost, refused, unavailable }: ChooseOptions): Gateway | undefined {
    const now = performance.now();
    const allowed = this.all.filter(
      (gateway) => refused?.has(gateway) !== true && regions?.includes(gateway.region) !== false,
    );
    const others = allowed.filter((gateway) => unavailable?.has(gateway) !== true);
    const candidates = (others.length > 0 ? others : allowed).map((gateway) => ({
      gateway,
      name: gateway.url,
      open: gateway.aborts.size + gateway.waiting,
      healthy: isHealthy(gateway.health, now),
      lost: lost === undefined ? 0 : [...lost].indexOf(gateway) + 1,
      rank: regions?.indexOf(gateway.region) ?? 0,
    }));
    return chooseGateway(candidates, { key, random: Math.random() })?.gateway;
  }

  /** The gateway that the key prefers in the first of the regions, whether or not it is healthy. */
  preferred(key: string, regions: readonly string[]): Gateway | undefined {
    const near = this.in(regions[0] ?? '');
    return ranked(
      key,
      near.map((gateway) => ({ gateway, name: gateway.url })),
    )[0]?.gateway;
  }

  /** Shortest round trip to a gateway of the region, in milliseconds. Undefined: not measured. */
  roundTrip(region: string): number | undefined {
    const known = this.in(region).flatMap(({ roundTripMs }) => roundTripMs ?? []);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** `client` aborts if the client leaves. */
  begin(gateway: Gateway, client: AbortSignal): Attempt {
    const controller = new AbortController();
    const leave = () => controller.abort(client.reason);
    if (client.aborted) leave();
    client.addEventListener('abort', leave);
    gateway.aborts.add(controller);
    const using = setInterval(() => this.onUse(gateway.region), USE_MS);
    const isTrial = gateway.health.failures > 0;
    this.#happen(gateway, { type: 'begun' });
    let settled = false;
    const settle = (event: HealthEvent) => {
      if (!settled) this.#happen(gateway, event);
      settled = true;
    };
    return {
      gateway,
      signal: controller.signal,
      answered: () => settle({ type: 'answered' }),
      failed: () => settle({ type: 'failed', random: Math.random() }),
      abort: (reason) => controller.abort(reason),
      causeOf: (thrown) => (controller.signal.aborted ? controller.signal.reason : thrown),
      end() {
        clearInterval(using);
        client.removeEventListener('abort', leave);
        gateway.aborts.delete(controller);
        if (isTrial) settle({ type: 'abandoned' });
      },
    };
  }

  /** Waits until a continuation may begin at the gateway. Returns early if `client` aborts. */
  async waitForPace(gateway: Gateway, client: AbortSignal): Promise<void> {
    gateway.waiting++;
    await sleep(gateway.pace.take(performance.now()), client);
    gateway.waiting--;
  }

  /** The result of a health check. */
  checked(gateway: Gateway, ready: boolean): void {
    this.#happen(gateway, { type: 'checked', ready });
  }

  /** Aborts the requests at one gateway, or at all of them. */
  abort(reason: Error, gateway?: Gateway): void {
    for (const each of gateway === undefined ? this.all : [gateway]) {
      for (const controller of [...each.aborts]) controller.abort(reason);
    }
  }

  #happen(gateway: Gateway, event: HealthEvent): void {
    gateway.health = healthAfter(gateway.health, event, performance.now());
  }
}

function addressOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}
