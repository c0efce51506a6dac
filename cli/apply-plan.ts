// A placement for running shards: chosen or planned, signed, brought to them and watched. Knows no flags of its own.
import { readFile } from 'node:fs/promises';
import {
  type Placement,
  readPlacement,
  type SignedPlacement,
  signPlacement,
} from '../experts/placement-file.ts';
import { toLayout } from '../infra/placement/placement.ts';
import { openBundle } from '../model/bundle/bundle.ts';
import { bundleDirectory } from './files.ts';
import { makePlan, type PlanSettings } from './make-plan.ts';
import { moveFleet } from './move-fleet.ts';
import { type FoundShard, findShards } from './placed-shards.ts';
import { progressBar } from './progress.ts';
import { openSecurity, type SecurityFlags, securityPaths } from './security-flags.ts';

export interface ApplyFlags extends PlanSettings, SecurityFlags {
  /** A file; absent: it is planned. */
  placement?: string;
  epoch?: number;
}

export async function applyPlan(addresses: readonly string[], flags: ApplyFlags): Promise<void> {
  const paths = securityPaths(flags);
  const log = (level: string, message: string) => void process.stderr.write(`${level}: ${message}\n`);
  const security = paths && (await openSecurity(paths, { log }));
  const shards = await findShards(addresses, security);
  const bar = progressBar({ label: 'moving', unit: 'experts' });
  try {
    const chosen = await choosePlacement(shards, flags);
    const secret = security?.secret?.();
    const placement = secret === undefined ? chosen : signPlacement(chosen, secret);
    const stopping = new AbortController();
    process.on('SIGINT', () => stopping.abort());
    const whole = await moveFleet({
      shards,
      placement,
      signal: stopping.signal,
      onProgress: (done, total) => bar.update(done, total),
      onAway(message) {
        bar.hide();
        process.stderr.write(`${message}\n`);
      },
    });
    bar.end();
    if (whole) {
      process.stdout.write(`placement ${placement.epoch} is where it should be: ${shards.length} shards\n`);
    } else {
      process.stderr.write('the shards go on by themselves; the same command watches them again\n');
      process.exitCode = 130;
    }
  } finally {
    bar.end();
    for (const { shard } of shards) shard.close();
    security?.close();
  }
}

/** The file's, or one that shards are still on their way to, or a new one. */
async function choosePlacement(shards: readonly FoundShard[], flags: ApplyFlags): Promise<Placement> {
  const { model } = flags.placement === undefined ? await readModel(flags) : await fileOf(flags.placement);
  const reports = shards.flatMap(({ status }) => status.models.filter((report) => report.model === model));
  const without = shards.find(({ status }) => !status.models.some((report) => report.model === model));
  if (without !== undefined) throw new Error(`${without.status.name} does not hold model ${model}`);
  const highest = Math.max(...reports.map(({ epoch }) => epoch));
  const newest = shards
    .map(({ shard }) => shard.placementOf(model))
    .find((placement) => placement?.epoch === highest);
  const isUnderWay = reports.some(
    ({ epoch, missing, surplus }) => epoch !== highest || missing + surplus > 0,
  );
  const names = shards.map(({ status }) => status.name);
  let placement: Placement;
  if (flags.placement !== undefined) {
    const file = await fileOf(flags.placement);
    const isNewest = newest !== undefined && sameShards(file, newest);
    placement = { ...file, epoch: isNewest ? highest : Math.max(file.epoch, highest + 1) };
  } else if (newest !== undefined && isUnderWay) {
    process.stderr.write(`placement ${highest} is under way; going on with it\n`);
    placement = newest;
  } else {
    const named = shards.map(({ status: { name, memoryBytes } }) => ({ name, memoryBytes }));
    placement = await makePlan({ ...flags, shards: named, epoch: flags.epoch ?? highest + 1 });
  }
  const offer = shards[0]?.shard.offerOf(model);
  if (offer !== undefined) toLayout(placement, offer); // every expert is placed
  const strangers = Object.keys(placement.shards).filter((name) => !names.includes(name));
  const unnamed = names.filter((name) => !Object.hasOwn(placement.shards, name));
  if (strangers.length + unnamed.length > 0) {
    throw new Error(
      `the placement is for ${Object.keys(placement.shards).join(', ')}; the shards are ${names.join(', ')}`,
    );
  }
  const { version, epoch, shards: holdings } = placement;
  return { version, model, epoch, shards: holdings };
}

async function fileOf(path: string): Promise<SignedPlacement> {
  return readPlacement(await readFile(path, 'utf8'));
}

async function readModel({ model }: ApplyFlags): Promise<{ model: string }> {
  const bundle = await openBundle(await bundleDirectory(model));
  await bundle.close();
  return { model: bundle.manifest.identity };
}

function sameShards(a: Placement, b: Placement): boolean {
  const entries = Object.entries(a.shards);
  return (
    a.model === b.model &&
    entries.length === Object.keys(b.shards).length &&
    entries.every(([name, holdings]) => b.shards[name] === holdings)
  );
}
