// Strikes a shard with a fault, ends the fault, and waits until the shard is in service again.
import { setTimeout as delay } from 'node:timers/promises';
import { seedOf, uniform } from '../../test/support/random.ts';
import type { Gateway } from './gateway.ts';
import type { Behaviour } from './misbehaviour.ts';
import type { Fault } from './schedule.ts';
import type { Site } from './site.ts';
import type { Gap } from './stalls.ts';

/** A fault that is over. Times are those of `performance.now()`. */
export interface Endured {
  fault: Fault;
  /** From the beginning of the fault until `AFTER_MS` after its end. */
  window: Gap;
  /** When the shard was in service again. Undefined if it stayed away. */
  servedAt: number | undefined;
  /** Calls that a liar (kind `flip`) answered until it was cordoned. Undefined if it was not cordoned. */
  callsToCordon?: number | undefined;
}

interface Scene {
  site: Site;
  gateway: Gateway;
  /** A lying shard flips one of the `flipBits` lowest bits of the mantissa of a value. */
  flipBits: number;
}

/** If a shard is still cordoned this long after its fault, a new process replaces it. A shard's first cordon ends sooner. */
const UNAIDED_MS = 7_000;
/** A replaced shard that is not in service after this time stays away. */
const RECOVERY_MS = 60_000;
const POLL_MS = 25;
/** The window of a fault ends this long after the fault, because the last moment of the fault may cause a stall. */
const AFTER_MS = 100;
/** A call of a slow shard takes this many times as long as a call of a healthy shard. */
const SLOW_FACTOR = 100;
/** A liar that is not cordoned after this many calls, or after this time, is healed. */
const MOST_LIES = 10_000;
const LONGEST_LIE_MS = 120_000;
const MOST_GARBAGE_BYTES = 4_096;

export async function endure(fault: Fault, scene: Scene): Promise<Endured> {
  const { site, gateway } = scene;
  const from = performance.now();
  const callsToCordon = await strikeAndHeal(fault, scene);
  await delay(AFTER_MS);
  const window = { from, to: performance.now() };
  if (fault.kind === 'kill') await site.start();
  const servedAt = (await servesAgain(site, gateway, UNAIDED_MS)) ?? (await replaced(site, gateway));
  return { fault, window, servedAt, ...(fault.kind === 'flip' && { callsToCordon }) };
}

/**
 * Resolves when the fault is over, to `callsToCordon` if the fault is a lie. A killed shard is started only after the
 * window of its fault, because a starting process slows all others and so would lengthen the measured stalls.
 */
async function strikeAndHeal(fault: Fault, scene: Scene): Promise<number | undefined> {
  const { site, gateway, flipBits } = scene;
  const { kind, holdMs, seed } = fault;
  const misbehave = async (behaviour: Behaviour): Promise<undefined> => {
    await site.behave(behaviour);
    await delay(holdMs);
    await site.behave({ mode: 'healthy' });
  };
  switch (kind) {
    case 'kill':
      site.signal('SIGKILL');
      break;
    case 'stop':
      site.signal('SIGSTOP');
      await delay(holdMs);
      site.signal('SIGCONT');
      return;
    case 'slow':
      return misbehave({ mode: 'slow', factor: SLOW_FACTOR });
    case 'cut':
      site.relay.cut();
      break;
    case 'garbage':
      site.relay.garble(garbage(seed));
      break;
    case 'half-open':
      site.relay.silence();
      break;
    case 'nan':
      return misbehave({ mode: 'nan', where: seed % 2 === 0 ? 'device' : 'wire' });
    case 'busy':
      return misbehave({ mode: 'busy' });
    case 'flip': {
      await site.behave({ mode: 'flip', seed, bits: flipBits });
      const calls = await cordoned(site, gateway);
      await site.behave({ mode: 'healthy' });
      return calls;
    }
    case 'restart':
      await site.leave();
      await site.start();
      return;
  }
  await delay(holdMs);
  return undefined;
}

/** Calls that the liar had answered when the gateway cordoned it. Undefined if it was not cordoned. */
async function cordoned(site: Site, gateway: Gateway): Promise<number | undefined> {
  const until = performance.now() + LONGEST_LIE_MS;
  while (performance.now() < until) {
    const state = (await gateway.states())?.get(site.address);
    const { calls } = await site.counts();
    if (state === 'cordoned') return calls;
    if (calls > MOST_LIES) return undefined;
    await delay(POLL_MS);
  }
  return undefined;
}

/** Replaces a shard that is still cordoned. A gateway trusts a new process sooner than a shard that has lied often. */
async function replaced(site: Site, gateway: Gateway): Promise<number | undefined> {
  if ((await gateway.states())?.get(site.address) === 'cordoned') {
    await site.leave();
    await site.start();
  }
  return await servesAgain(site, gateway, RECOVERY_MS);
}

/** Waits until the gateway calls the shard again and no silent connection is left. Resolves to undefined after `withinMs`. */
async function servesAgain(site: Site, gateway: Gateway, withinMs: number): Promise<number | undefined> {
  const until = performance.now() + withinMs;
  while (performance.now() < until) {
    if (!(await site.isHalfOpen()) && (await gateway.serves(site.address))) return performance.now();
    await delay(POLL_MS);
  }
  return undefined;
}

function garbage(seed: number): Uint8Array {
  const random = uniform(seedOf(seed, 'garbage'));
  return Uint8Array.from({ length: 1 + Math.floor(random() * MOST_GARBAGE_BYTES) }, () => 256 * random());
}
