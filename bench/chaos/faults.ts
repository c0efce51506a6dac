// How each kind of fault hits a shard, how long it lasts, how it is healed, and when the shard serves again.
import { setTimeout as delay } from 'node:timers/promises';
import { seedOf, uniform } from '../../test/support/random.ts';
import type { Gateway } from './gateway.ts';
import type { Behaviour } from './misbehaviour.ts';
import type { Fault } from './schedule.ts';
import type { Site } from './site.ts';
import type { Gap } from './stalls.ts';

/** Facts about a fault after its end. */
export interface Endured {
  fault: Fault;
  /** From the beginning of the fault until it was healed. */
  window: Gap;
  /** When the shard served again; undefined if it stayed away. */
  servedAt: number | undefined;
  /** Of a liar: the calls it answered until it was cordoned; undefined if it was not, or nobody tells. */
  callsToCordon?: number | undefined;
}

export interface Scene {
  site: Site;
  gateway: Gateway;
  /** Lowest bits of the mantissa that a liar may turn. */
  flipBits: number;
}

/** Longer than a first cordon: then a shard that is cordoned still is replaced. Milliseconds. */
const UNAIDED = 7_000;
/** Milliseconds. */
const RECOVERY = 60_000;
const GLANCE = 25;
/** A stall that a fault's last moment causes begins within this. Milliseconds. */
const AFTER = 100;
const SLOW_FACTOR = 100;
/** A liar gets away when it has answered so many calls, or lied for so long (milliseconds). */
const LIES = 10_000;
const LONGEST_LIE = 120_000;
/** Bytes. */
const MOST_GARBAGE = 4_096;

export async function endure(fault: Fault, scene: Scene): Promise<Endured> {
  const { site, gateway } = scene;
  const from = performance.now();
  const callsToCordon = await strikeAndHeal(fault, scene);
  await delay(AFTER);
  const window = { from, to: performance.now() };
  if (fault.kind === 'kill') await site.start();
  const servedAt = (await servesAgain(site, gateway, UNAIDED)) ?? (await replaced(site, gateway));
  return { fault, window, servedAt, ...(fault.kind === 'flip' && { callsToCordon }) };
}

/** Returns a liar's calls. A killed shard is started only after its window: a start takes cores from all others. */
async function strikeAndHeal(fault: Fault, scene: Scene): Promise<number | undefined> {
  const { site, gateway, flipBits } = scene;
  const { kind, holdMs, seed } = fault;
  const misbehave = async (behaviour: Behaviour) => {
    await site.behave(behaviour);
    await delay(holdMs);
    await site.behave({ mode: 'healthy' });
  };
  switch (kind) {
    case 'kill':
      site.signal('SIGKILL');
      await delay(holdMs);
      return;
    case 'stop':
      site.signal('SIGSTOP');
      await delay(holdMs);
      site.signal('SIGCONT');
      return;
    case 'slow':
      await misbehave({ mode: 'slow', factor: SLOW_FACTOR });
      return;
    case 'cut':
      site.cut();
      await delay(holdMs);
      return;
    case 'garbage':
      site.garble(garbage(seed));
      await delay(holdMs);
      return;
    case 'half-open':
      site.silence();
      await delay(holdMs);
      return;
    case 'nan':
      await misbehave({ mode: 'nan', where: seed % 2 === 0 ? 'device' : 'wire' });
      return;
    case 'busy':
      await misbehave({ mode: 'busy' });
      return;
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
}

/** Calls that the liar had answered when the gateway no longer called it; undefined if it got away with them. */
async function cordoned(site: Site, gateway: Gateway): Promise<number | undefined> {
  const until = performance.now() + LONGEST_LIE;
  while (performance.now() < until) {
    const state = (await gateway.states())?.get(site.address);
    const { calls } = await site.counts();
    if (state === 'cordoned') return calls;
    if (calls > LIES) return undefined;
    await delay(GLANCE);
  }
  return undefined;
}

/** A gateway trusts a shard that has lied often only after a long time, or once it is another process. */
async function replaced(site: Site, gateway: Gateway): Promise<number | undefined> {
  if ((await gateway.states())?.get(site.address) === 'cordoned') {
    await site.leave();
    await site.start();
  }
  return await servesAgain(site, gateway, RECOVERY);
}

/** When the gateway calls the shard again, over no connection that has fallen silent. */
async function servesAgain(site: Site, gateway: Gateway, withinMs: number): Promise<number | undefined> {
  const until = performance.now() + withinMs;
  while (performance.now() < until) {
    if (!(await site.isHalfOpen()) && (await gateway.serves(site.address))) return performance.now();
    await delay(GLANCE);
  }
  return undefined;
}

function garbage(seed: number): Uint8Array {
  const random = uniform(seedOf(seed, 'garbage'));
  return Uint8Array.from({ length: 1 + Math.floor(random() * MOST_GARBAGE) }, () => 256 * random());
}
