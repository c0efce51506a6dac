// Brings a placement to all shards of a fleet, and watches until each holds what the placement wants.
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import type { PlacedReport } from '../../experts/placing/placed-model.ts';
import type { SignedPlacement } from '../../experts/placing/placement-file.ts';
import { formatId, idOf, type PlacementId } from '../../experts/placing/placement-id.ts';
import { describeId } from '../../experts/placing/take-rule.ts';
import { toRpcError } from '../../rpc/errors.ts';
import { askedInTurn, progressOf, standingOf } from './apply-rule.ts';
import type { FoundShard, PlacedShard } from './placed-shards.ts';

const LOOK_MS = 200;

export interface MoveOptions {
  shards: readonly FoundShard[];
  placement: SignedPlacement;
  /** The placement that it was planned from. */
  from: PlacementId;
  signal: AbortSignal;
  /** Counts units to load and to unload, of all shards that answer. */
  onProgress: (done: number, total: number) => void;
  /** Called once each time a shard stops answering. */
  onAway: (message: string) => void;
}

/**
 * Resolves to true when every shard holds what the placement wants and nothing else, and to false when the signal was aborted;
 * the shards then go on by themselves. Rejects if a shard refuses the placement or follows a later one.
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
      // If no gateway is connected, nothing else tells the shards.
      const said = shards.map(({ shard }) => shard.witness(placement.model, idOf(placement)));
      await Promise.allSettled(said); // one that is lost is asked again
    }
    await delay(LOOK_MS, undefined, { signal }).catch(() => signal.aborted); // Ctrl-C ends the wait
  }
  return false;
}

/** Brings the placement to the shard that every operator asks first and, once that has taken it, to the others. */
async function bring({ shards, placement, from }: MoveOptions): Promise<void> {
  const { first, others } = askedInTurn(shards, ({ status }) => status.name);
  const id = idOf(placement);
  await first.shard.place(placement, from).catch((cause: unknown) => {
    const { code, message } = toRpcError(cause);
    const { name } = first.status;
    if (isPassing(cause)) {
      const unknown = `it is not known whether it has taken placement ${formatId(id)}`;
      throw new Error(`${name} has not answered (${message}), and ${unknown}. Run the command again.`, {
        cause,
      });
    }
    const hint = code === 'conflict' ? '. Nothing has been changed. Plan again from what is there now' : '';
    throw new Error(`${name} does not take placement ${formatId(id)}: ${message}${hint}.`, { cause });
  });
  const taken = await Promise.allSettled(others.map(({ shard }) => shard.place(placement, from)));
  taken.forEach((result, i) => {
    if (result.status === 'fulfilled' || isPassing(result.reason)) return; // one that is away is asked again
    const { code, message } = toRpcError(result.reason);
    const hint =
      code === 'conflict'
        ? `. Other shards have taken ${formatId(id)}; gateways bring all of them the later one of the two`
        : '';
    throw new Error(`${others[i]?.status.name} does not take placement ${formatId(id)}: ${message}${hint}.`, {
      cause: result.reason,
    });
  });
}

function isPassing(error: unknown): boolean {
  return toRpcError(error).retryable;
}

/** Undefined if the shard does not answer. A shard that came back without the placement is brought it again. */
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
