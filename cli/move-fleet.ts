// A placement brought to all shards of a fleet, and watched until each holds what it wants. Plans nothing.
import { setTimeout as delay } from 'node:timers/promises';
import type { PlacedReport } from '../experts/placed-model.ts';
import type { SignedPlacement } from '../experts/placement-file.ts';
import type { FoundShard, PlacedShard } from './placed-shards.ts';

const LOOK_MS = 200;

export interface MoveOptions {
  shards: readonly FoundShard[];
  placement: SignedPlacement;
  signal: AbortSignal;
  /** Units to load and to let go, of all shards that answer. */
  onProgress: (done: number, total: number) => void;
  /** Of a shard that has not answered, once for each time it goes. */
  onAway: (message: string) => void;
}

/**
 * Resolves to true when every shard holds what the placement wants and nothing else; to false when the signal was aborted:
 * the shards go on by themselves. Rejects where a shard refuses the placement.
 */
export async function moveFleet({ shards, placement, signal, ...tell }: MoveOptions): Promise<boolean> {
  const refusals = await Promise.allSettled(shards.map(({ shard }) => shard.place(placement)));
  refusals.forEach((result, i) => {
    if (result.status === 'fulfilled') return;
    const reason = result.reason instanceof Error ? result.reason.message : String(result.reason);
    throw new Error(`${shards[i]?.status.name} does not take placement ${placement.epoch}: ${reason}`);
  });
  const away = new Set<PlacedShard>();
  let total = 0;
  while (!signal.aborted) {
    const reports = await Promise.all(shards.map((found) => look(found, placement, away, tell.onAway)));
    const known = reports.filter((report) => report !== undefined);
    const left = known.reduce((sum, { missing, surplus }) => sum + missing + surplus, 0);
    total = Math.max(total, left);
    tell.onProgress(total - left, total);
    if (known.length === shards.length) {
      if (left === 0) return true;
      // Where no gateway is connected, nobody else would say so.
      if (known.every(({ missing }) => missing === 0)) {
        const said = shards.map(({ shard }) => shard.witness(placement.model, placement.epoch));
        await Promise.allSettled(said); // one that is lost is looked at again
      }
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => signal.aborted); // Ctrl-C ends the wait
  }
  return false;
}

/** Undefined where it does not answer, or does not follow the placement yet: it has come back from before it. */
async function look(
  { shard, status: { name } }: FoundShard,
  placement: SignedPlacement,
  away: Set<PlacedShard>,
  onAway: (message: string) => void,
): Promise<PlacedReport | undefined> {
  try {
    const { models } = await shard.status();
    away.delete(shard);
    const report = models.find(({ model }) => model === placement.model);
    if (report === undefined) throw new Error(`it does not hold ${placement.model} any more`);
    if (report.epoch > placement.epoch) throw new Error(`it follows placement ${report.epoch} by now`);
    return report.epoch === placement.epoch ? report : await shard.place(placement);
  } catch (error) {
    if (!away.has(shard)) onAway(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    away.add(shard);
    return undefined;
  }
}
