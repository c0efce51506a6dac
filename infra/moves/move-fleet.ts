// Sends a placement to all shards of a fleet, and waits until each shard holds exactly the units that the placement gives it.
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import type { PlacedReport } from '../../experts/placing/placed-model.ts';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import { formatId, idOf, type PlacementId } from '../../experts/placing/placement-id.ts';
import { describeId } from '../../experts/placing/take-rule.ts';
import { toRpcError } from '../../rpc/errors.ts';
import { askedInTurn, progressOf, standingOf } from './apply-rule.ts';
import type { FoundShard, PlacedShard } from './placed-shards.ts';

/** How often the shards are asked for their progress. */
const LOOK_MS = 200;

interface MoveOptions {
  shards: readonly FoundShard[];
  placement: SignedPlacement;
  /** The placement from which `placement` was planned. */
  from: PlacementId;
  signal: AbortSignal;
  /** `done` of `total` units are loaded or unloaded, over all shards that answer. */
  onProgress: (done: number, total: number) => void;
  /** Called once each time a shard stops answering. */
  onAway: (message: string) => void;
}

/**
 * Resolves to true when the move is complete. Resolves to false if the signal aborts; the shards then finish the move by
 * themselves. Rejects if a shard refuses the placement or follows a later one.
 */
export async function moveFleet(options: MoveOptions): Promise<boolean> {
  const { shards, placement, signal, onProgress, onAway } = options;
  await bring(options);
  const away = new Set<PlacedShard>();
  let total = 0;
  while (!signal.aborted) {
    const reports = await Promise.all(shards.map((found) => look(found, placement, away, onAway)));
    const known = reports.filter((report) => report !== undefined);
    const left = known.reduce((sum, { missing, surplus }) => sum + missing + surplus, 0);
    total = Math.max(total, left);
    onProgress(total - left, total);
    const progress = progressOf(reports);
    if (progress === 'whole') return true;
    if (progress === 'loaded') {
      // If no gateway runs, only this announcement allows the shards to unload surplus units.
      const announced = shards.map(({ shard }) => shard.announceServed(placement.model, idOf(placement)));
      await Promise.allSettled(announced); // the next round tries the lost shards again
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => signal.aborted); // an abort ends the wait
  }
  return false;
}

/** Sends the placement to the first shard (see `askedInTurn`) and, when that shard has accepted it, to the others. */
async function bring({ shards, placement, from }: MoveOptions): Promise<void> {
  const { first, others } = askedInTurn(shards, ({ status }) => status.name);
  const id = idOf(placement);
  await first.shard.place(placement, from).catch((cause: unknown) => {
    const { retryable, message } = toRpcError(cause);
    const { name } = first.status;
    if (!retryable) {
      throw refusal(name, id, cause, 'Nothing has been changed. Plan again from what is there now');
    }
    const unknown = `it is not known whether it has taken placement ${formatId(id)}`;
    throw new Error(`${name} has not answered (${message}), and ${unknown}. Run the command again.`, {
      cause,
    });
  });
  const taken = await Promise.allSettled(others.map(({ shard }) => shard.place(placement, from)));
  for (const [i, result] of taken.entries()) {
    if (result.status === 'fulfilled' || toRpcError(result.reason).retryable) continue; // `look` sends it again
    const hint = `Other shards have taken ${formatId(id)}; the gateways will bring the later of both placements to all shards`;
    throw refusal(others[i]!.status.name, id, result.reason, hint);
  }
}

function refusal(name: string, id: PlacementId, cause: unknown, ifConflict: string): Error {
  const { code, message } = toRpcError(cause);
  const hint = code === 'conflict' ? `. ${ifConflict}` : '';
  return new Error(`${name} does not take placement ${formatId(id)}: ${message}${hint}.`, { cause });
}

/** Undefined if the shard does not answer. Sends the placement again to a shard that does not follow it. */
async function look(
  { shard, status: { name } }: FoundShard,
  placement: SignedPlacement,
  away: Set<PlacedShard>,
  onAway: (message: string) => void,
): Promise<PlacedReport | undefined> {
  const id = idOf(placement);
  let report: PlacedReport | undefined;
  try {
    const { models } = await shard.status();
    report = models.find(({ model }) => model === placement.model);
    if (report === undefined) throw new Error(`it does not hold ${placement.model} any more`);
    if (standingOf(report, id) === 'again') report = await shard.place(placement);
    away.delete(shard);
  } catch (error) {
    if (!away.has(shard)) onAway(`${name}: ${errorText(error)}`);
    away.add(shard);
    return undefined;
  }
  if (standingOf(report, id) !== 'replaced') return report;
  const later = describeId({ epoch: report.epoch, hash: report.hash ?? '' }, report.applied);
  throw new Error(`${later} takes the place of ${formatId(id)}: ${name} follows it.`);
}
