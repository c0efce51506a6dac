// Checks periodically whether gateways are ready, and aborts the requests at a gateway that is silent.
import { type Ask, readWhole } from '../ask.ts';
import type { Gateway, Gateways } from './gateways.ts';

const EVERY_MS = 2_000;
/** A gateway that takes longer to answer a check counts as silent. */
const PATIENCE_MS = 1_000;
/** The requests at a silent gateway are kept for this time if no other gateway is healthy. */
const ALONE_MS = 20_000;
/** Growth of the shortest round trip for each check, so that a network that has become slower is noticed. */
const FORGET = 1.02;
/** Largest answer of a check that is read. A longer one closes the connection. */
const LARGEST_ANSWER = 1024 * 1024;

type Outcome = 'good' | 'silent' | Bad;

/** The gateway answered with another status than 200, or cannot be reached. */
interface Bad {
  why: string;
}

interface CheckOptions {
  ask: Ask;
  log: (message: string) => void;
  everyMs?: number;
  patienceMs?: number;
  aloneMs?: number;
}

export interface Checks {
  /** Resolves when every gateway has been checked once. */
  readonly first: Promise<unknown>;
  stop(): void;
}

export function startChecks(
  gateways: Gateways,
  { ask, log, everyMs = EVERY_MS, patienceMs = PATIENCE_MS, aloneMs = ALONE_MS }: CheckOptions,
): Checks {
  const timers = new Map<Gateway, ReturnType<typeof setTimeout>>();
  const last = new Map<Gateway, boolean>();
  const silentSince = new Map<Gateway, number>();
  let stopped = false;

  function tell(gateway: Gateway, ready: boolean, why: string): void {
    gateways.checked(gateway, ready);
    if ((last.get(gateway) ?? true) !== ready) log(`gateway ${gateway.url} is ${why}`);
    last.set(gateway, ready);
  }

  /** If every gateway is silent, the network or this machine may be at fault, and nothing else could serve the requests. */
  function giveUp(gateway: Gateway): void {
    const now = performance.now();
    const since = silentSince.get(gateway) ?? now;
    silentSince.set(gateway, since);
    const isAlone = !gateways.all.some((other) => other !== gateway && gateways.isHealthy(other));
    if (isAlone && now - since < aloneMs) return;
    gateways.abort(new Error('it did not answer two health checks in a row'), gateway);
  }

  async function check(gateway: Gateway): Promise<void> {
    const sentAt = performance.now();
    const ready = await probe(ask, `${gateway.url}/health/ready`, patienceMs);
    if (ready === 'good') {
      noteRoundTrip(gateway, performance.now() - sentAt);
      silentSince.delete(gateway);
      return tell(gateway, true, 'ready');
    }
    // A gateway asks its engine whether it is ready, and a busy engine answers late. Its main thread always answers soon.
    const alive = ready === 'silent' ? await probe(ask, `${gateway.url}/health`, patienceMs) : ready;
    if (stopped) return;
    if (alive !== 'silent') silentSince.delete(gateway);
    if (alive !== 'good') tell(gateway, false, alive === 'silent' ? 'silent' : `not ready: ${alive.why}`);
    if (alive === 'silent') giveUp(gateway);
  }

  async function turn(gateway: Gateway): Promise<void> {
    const begun = performance.now();
    await check(gateway);
    if (stopped) return;
    const waitMs = Math.max(0, begun + everyMs - performance.now());
    timers.set(
      gateway,
      setTimeout(() => void turn(gateway), waitMs),
    );
  }

  const first = Promise.all(gateways.all.map((gateway) => turn(gateway)));
  return {
    first,
    stop() {
      stopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}

/** A busy gateway answers late, so the shortest of the last times tells the distance. */
function noteRoundTrip(gateway: Gateway, ms: number): void {
  const slowly = gateway.roundTripMs === undefined ? ms : gateway.roundTripMs * FORGET;
  gateway.roundTripMs = Math.min(ms, slowly);
}

async function probe(ask: Ask, url: string, patienceMs: number): Promise<Outcome> {
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const { status, body } = await ask(url, {
      method: 'GET',
      headers: new Headers(),
      body: undefined,
      signal,
    });
    await readWhole(body, LARGEST_ANSWER);
    return status === 200 ? 'good' : { why: `it answers ${status}` };
  } catch (error) {
    return signal.aborted ? 'silent' : { why: error instanceof Error ? error.message : String(error) };
  }
}
