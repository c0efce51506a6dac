// Applies a placement to running shards: chooses or plans the placement, signs it, sends it to the shards and watches the move.
import { readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import {
  type Placement,
  readPlacement,
  type SignedPlacement,
  signPlacement,
} from '../../experts/placing/placement-file.ts';
import { epochFault, formatId, idOf, type PlacementId } from '../../experts/placing/placement-id.ts';
import { describe } from '../../experts/placing/take-rule.ts';
import { type Said, startOf } from '../../infra/moves/apply-rule.ts';
import { moveFleet } from '../../infra/moves/move-fleet.ts';
import { type FoundShard, findShards } from '../../infra/moves/placed-shards.ts';
import { toLayout } from '../../infra/placement/placement.ts';
import { openBundle } from '../../model/bundle/bundle.ts';
import { bundleDirectory } from '../files.ts';
import { openCommandSecurity, type SecurityFlags } from '../flags/security-flags.ts';
import { progressBar } from '../terminal/progress.ts';
import { makePlan, type PlanSettings } from './make-plan.ts';

export interface ApplyFlags extends PlanSettings, SecurityFlags {
  /** File of the placement. If absent, a placement is planned. */
  placement?: string;
  epoch?: number;
}

export async function applyPlan(addresses: readonly string[], flags: ApplyFlags): Promise<void> {
  const security = await openCommandSecurity(flags);
  const shards = await findShards(addresses, security);
  const bar = progressBar({ label: 'moving', unit: 'experts' });
  try {
    const { chosen, from } = await choosePlacement(shards, flags);
    const secret = security?.secret?.();
    const placement = secret === undefined ? chosen : signPlacement(chosen, secret);
    const stopping = new AbortController();
    process.on('SIGINT', () => stopping.abort());
    const finished = await moveFleet({
      shards,
      placement,
      from,
      signal: stopping.signal,
      onProgress: (done, total) => bar.update(done, total),
      onAway(message) {
        bar.hide();
        process.stderr.write(`${message}\n`);
      },
    });
    bar.end();
    if (finished) {
      process.stdout.write(`placement ${placement.epoch} is in place on ${shards.length} shards\n`);
    } else {
      process.stderr.write(
        'the shards continue the move by themselves; run the same command again to watch it\n',
      );
      process.exitCode = 130;
    }
  } finally {
    bar.end();
    for (const { shard } of shards) shard.close();
    security?.close();
  }
}

/**
 * Chooses the placement of the file, or else the placement that the shards are still moving to, or else plans a new one. `from` is the
 * latest placement that any of the shards follows now.
 */
async function choosePlacement(
  shards: readonly FoundShard[],
  flags: ApplyFlags,
): Promise<{ chosen: SignedPlacement; from: PlacementId }> {
  const file =
    flags.placement === undefined ? undefined : readPlacement(await readFile(flags.placement, 'utf8'));
  const model = file?.model ?? (await identityOf(flags.model));
  const { latest, underWay } = startOf(shards.map((found) => saidBy(found, model)));
  const from = idOf(latest);
  let chosen: SignedPlacement;
  if (file !== undefined) {
    const { epoch = latest?.epoch } = flags;
    if (latest !== undefined && sameShards(file, latest) && latest.epoch === epoch) chosen = latest;
    else {
      if (underWay)
        process.stderr.write(`${describe(latest)} is in progress; the placement of the file replaces it\n`);
      const wanted = flags.epoch ?? Math.max(file.epoch, from.epoch + 1);
      chosen = appliedNow({ ...file, epoch: epochAbove(from, wanted) });
    }
  } else if (latest !== undefined && underWay) {
    process.stderr.write(`${describe(latest)} is in progress; continuing it\n`);
    chosen = latest;
  } else {
    const named = shards.map(({ status: { name, memoryBytes } }) => ({ name, memoryBytes }));
    const epoch = epochAbove(from, flags.epoch);
    chosen = appliedNow(await makePlan({ ...flags, shards: named, epoch }));
  }
  requireFitting(chosen, shards, model);
  return { chosen, from };
}

/** A shard's hello says which placement it follows, and its report says how far the move is. */
function saidBy({ shard, status: { name, models } }: FoundShard, model: string): Said {
  const report = models.find((each) => each.model === model);
  if (report === undefined) throw new Error(`${name} does not hold model ${model}`);
  return { name, placement: shard.placementOf(model), report };
}

function epochAbove(from: PlacementId, wanted = from.epoch + 1): number {
  if (wanted <= from.epoch) {
    throw new Error(`--epoch ${wanted} is too low: the shards follow placement ${formatId(from)}`);
  }
  const fault = epochFault(wanted, from.epoch);
  if (fault !== undefined) throw new Error(`${fault}. The next epoch is ${from.epoch + 1}.`);
  return wanted;
}

/** Throws unless the placement names exactly these shards and gives each expert to at least one of them. */
function requireFitting(placement: Placement, shards: readonly FoundShard[], model: string): void {
  const offer = shards[0]?.shard.offerOf(model);
  if (offer !== undefined) toLayout(placement, offer);
  const names = shards.map(({ status }) => status.name);
  const unknown = Object.keys(placement.shards).filter((name) => !names.includes(name));
  const unnamed = names.filter((name) => !Object.hasOwn(placement.shards, name));
  if (unknown.length + unnamed.length === 0) return;
  throw new Error(
    `the placement is for ${Object.keys(placement.shards).join(', ')}; the shards are ${names.join(', ')}`,
  );
}

/** Adds who applied the placement and when. Another operator whose plan is refused sees this. */
function appliedNow({ version, model, epoch, shards }: Placement): SignedPlacement {
  const at = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return { version, model, epoch, shards, applied: { by: `${userName()}@${hostname()}`, at } };
}

/** A container may run under a user id without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

async function identityOf(model: string): Promise<string> {
  const bundle = await openBundle(await bundleDirectory(model));
  await bundle.close();
  return bundle.manifest.identity;
}

function sameShards(a: Placement, b: Placement): boolean {
  const entries = Object.entries(a.shards);
  return (
    a.model === b.model &&
    entries.length === Object.keys(b.shards).length &&
    entries.every(([name, holdings]) => b.shards[name] === holdings)
  );
}
