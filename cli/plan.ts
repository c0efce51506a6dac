// `expertgrid plan`: from a gateway's heat and the shards' memory to which shard holds what, and what that will bring.
import { readFile, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import {
  type Placement,
  readPlacement,
  type SignedPlacement,
  signPlacement,
} from '../experts/placement-file.ts';
import { toLayout, toPlacement } from '../infra/placement/placement.ts';
import { type PlannedShard, plan } from '../infra/placement/plan.ts';
import { usualRows } from '../infra/placement/read-heat.ts';
import { defaultCost, type StepCost } from '../infra/placement/step-cost.ts';
import { openBundle } from '../model/bundle/bundle.ts';
import { askHeat } from './ask-heat.ts';
import { modelDirectory } from './files.ts';
import { bytes, flag, integer } from './flags.ts';
import { moveFleet } from './move-fleet.ts';
import { type FoundShard, findShards } from './placed-shards.ts';
import { fewerWarning, planTable } from './plan-table.ts';
import { progressBar } from './progress.ts';
import { addSecurityFlags, openSecurity, type SecurityFlags, securityPaths } from './security-flags.ts';
import { parseShardsFile } from './shard-source.ts';

/** Shards by name, those without a size get the common one. */
type NamedShards = { name: string; memoryBytes: number | undefined }[];

interface PlanFlags extends SecurityFlags {
  heat?: string;
  model: string;
  shards?: NamedShards;
  apply?: string[];
  shardsFile?: string;
  placement?: string;
  memory: number | undefined;
  replicas: number;
  rows: number | undefined;
  cost: Partial<StepCost>;
  epoch?: number;
  strict: boolean;
  json: boolean;
  out: string | undefined;
}

/** Rows a step, where the heat has seen none. */
const USUAL_ROWS = 8;

export function planCommand(): Command {
  const command = new Command('plan')
    .description('Plan which shard holds which experts, from how hot they are, and move a fleet there.')
    .addOption(flag('--heat <url|file>', 'address of a gateway, or a file with its answer'))
    .addOption(flag('--model <dir>', 'bundle that the gateway serves').default('nano'))
    .addOption(
      flag(
        '--shards <n|name=size,…>',
        'how many shards, or their names with their memory: a=4GiB,b=8GiB',
      ).argParser(parseShards),
    )
    .addOption(
      flag(
        '--apply <host:port,…>',
        'plan for these running shards and move them there; while a move is under way, go on with it',
      ).argParser((text) => text.split(',').map((address) => address.trim())),
    )
    .addOption(flag('--shards-file <file>', 'or a file with an address a line'))
    .addOption(flag('--placement <file>', 'apply this one instead of planning'))
    .addOption(
      flag(
        '--memory <size>',
        'for experts, of each shard without its own; just enough unless given',
      ).argParser(bytes),
    )
    .addOption(
      flag('--replicas <n>', 'shards that hold each expert, at least')
        .argParser(integer({ min: 1 }))
        .default(1),
    )
    .addOption(
      flag('--rows <n>', "rows a step to plan for; the gateway's own usual ones unless given").argParser(
        integer({ min: 1, max: 4096 }),
      ),
    )
    .addOption(
      flag('--cost <name=µs,…>', `cost model: ${Object.keys(defaultCost(1)).join(', ')} in microseconds`)
        .argParser(parseCost)
        .default({}, 'measured on one machine'),
    )
    .addOption(flag('--epoch <n>', 'of the placement; a higher one wins').argParser(integer({ min: 1 })))
    .addOption(flag('--strict', 'fail where fewer shards are predicted faster').default(false))
    .addOption(flag('--json', 'print placement and predictions as JSON').default(false))
    .addOption(flag('--out <file>', 'write the placement there'));
  return addSecurityFlags(command).action(runPlan);
}

async function runPlan(flags: PlanFlags): Promise<void> {
  const addresses = await addressesOf(flags);
  if (addresses !== undefined) return await applyPlan(addresses, flags);
  const { shards, epoch = 1 } = flags;
  if (shards === undefined) {
    throw new Error('--shards says for how many to plan, or --apply which running ones to move');
  }
  await makePlan({ ...flags, shards, epoch });
}

async function applyPlan(addresses: readonly string[], flags: PlanFlags): Promise<void> {
  const paths = securityPaths(flags);
  const log = (level: string, message: string) => void process.stderr.write(`${level}: ${message}\n`);
  const security = paths && (await openSecurity(paths, { log }));
  const shards = await findShards(addresses, security);
  const stopping = new AbortController();
  process.on('SIGINT', () => stopping.abort());
  const bar = progressBar({ label: 'moving', format: (units) => `${Math.round(units)} experts` });
  try {
    const chosen = await choosePlacement(shards, flags);
    const secret = security?.secret?.();
    const placement = secret === undefined ? chosen : signPlacement(chosen, secret);
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
async function choosePlacement(shards: readonly FoundShard[], flags: PlanFlags): Promise<Placement> {
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

async function readModel({ model }: PlanFlags): Promise<{ model: string }> {
  const bundle = await openBundle(modelDirectory(model));
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

async function addressesOf({ apply, shardsFile }: PlanFlags): Promise<string[] | undefined> {
  if (apply !== undefined && shardsFile !== undefined) {
    throw new Error('--apply, --shards-file: they exclude each other');
  }
  return shardsFile === undefined ? apply : parseShardsFile(await readFile(shardsFile, 'utf8'), shardsFile);
}

interface PlanWanted extends PlanFlags {
  shards: NamedShards;
  epoch: number;
}

/** Prints what it will bring. */
async function makePlan(flags: PlanWanted): Promise<Placement> {
  if (flags.heat === undefined)
    throw new Error('--heat says where the experts are hot: a gateway, or a file');
  const bundle = await openBundle(modelDirectory(flags.model));
  const { config, manifest } = bundle;
  await bundle.close();
  const heat = await askHeat(flags.heat, { transitions: true });
  if (heat.model !== manifest.identity) {
    throw new Error(`${flags.heat} serves ${heat.model}, and ${flags.model} is ${manifest.identity}`);
  }
  const unitBytes = Math.max(...manifest.experts.flat().map(({ length }) => length));
  const { replicas, cost } = flags;
  const rows = flags.rows ?? usualRows(heat) ?? USUAL_ROWS;
  const units = Math.ceil((config.layers * config.experts * replicas) / flags.shards.length);
  const shards = flags.shards.map(
    ({ name, memoryBytes = flags.memory ?? units * unitBytes }): PlannedShard => ({ name, memoryBytes }),
  );
  const names = shards.map(({ name }) => name);

  const made = plan({ heat, shards, unitBytes, replicas, rows, k: config.expertsPerToken, cost });
  const placement = toPlacement({ layout: made.layout, names, model: heat.model, epoch: flags.epoch });
  if (flags.json) {
    const { predicted, contiguous, fewer = null } = made;
    process.stdout.write(`${JSON.stringify({ placement, rows, predicted, contiguous, fewer })}\n`);
  } else {
    const counted = heat.counts[0]?.reduce((sum, count) => sum + count, 0) ?? 0;
    process.stdout.write(planTable({ plan: made, names, unitBytes, rows, counted }));
  }
  if (made.fewer !== undefined) {
    if (flags.strict) throw new Error(fewerWarning(made.fewer));
    process.stderr.write(`warning: ${fewerWarning(made.fewer)}\n`);
  }
  if (flags.out !== undefined) await writeFile(flags.out, `${JSON.stringify(placement, undefined, 2)}\n`);
  return placement;
}

/** `4`, or `a=4GiB,b`. */
function parseShards(text: string): NamedShards {
  if (/^\d+$/.test(text)) {
    const count = integer({ min: 1, max: 4096 })(text);
    return Array.from({ length: count }, (_, index) => ({ name: `shard-${index}`, memoryBytes: undefined }));
  }
  const shards = text.split(',').map((item): NamedShards[number] => {
    const [name = '', size, ...more] = item.trim().split('=');
    if (name === '' || more.length > 0) {
      throw new InvalidArgumentError(`${JSON.stringify(item)} is neither a name nor a name=size.`);
    }
    return { name, memoryBytes: size === undefined ? undefined : bytes(size) };
  });
  const names = shards.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new InvalidArgumentError(`${JSON.stringify(twice)} is named twice.`);
  return shards;
}

function parseCost(text: string): Partial<StepCost> {
  const known = Object.keys(defaultCost(1));
  return Object.fromEntries(
    text.split(',').map((item): [string, number] => {
      const [name = '', value = ''] = item.trim().split('=');
      const microseconds = Number(value);
      if (!known.includes(name) || value === '' || !(microseconds >= 0)) {
        throw new InvalidArgumentError(`It takes ${known.join(', ')}, each with =microseconds.`);
      }
      return [name, microseconds];
    }),
  );
}
