// `expertgrid plan`: from a gateway's heat and the shards' memory to which shard holds what, and what that will bring.
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { toPlacement } from '../infra/placement/placement.ts';
import { type PlannedShard, plan } from '../infra/placement/plan.ts';
import { usualRows } from '../infra/placement/read-heat.ts';
import { defaultCost, type StepCost } from '../infra/placement/step-cost.ts';
import { openBundle } from '../model/bundle/bundle.ts';
import { askHeat } from './ask-heat.ts';
import { modelDirectory } from './files.ts';
import { bytes, flag, integer } from './flags.ts';
import { fewerWarning, planTable } from './plan-table.ts';

/** Shards by name, those without a size get the common one. */
type NamedShards = { name: string; memoryBytes: number | undefined }[];

interface PlanFlags {
  heat: string;
  model: string;
  shards: NamedShards;
  memory: number | undefined;
  replicas: number;
  rows: number | undefined;
  cost: Partial<StepCost>;
  epoch: number;
  strict: boolean;
  json: boolean;
  out: string | undefined;
}

/** Rows a step, where the heat has seen none. */
const USUAL_ROWS = 8;

export function planCommand(): Command {
  return new Command('plan')
    .description('Plan which shard holds which experts, from how hot they are.')
    .addOption(
      flag('--heat <url|file>', 'address of a gateway, or a file with its answer').makeOptionMandatory(),
    )
    .addOption(flag('--model <dir>', 'bundle that the gateway serves').default('nano'))
    .addOption(
      flag('--shards <n|name=size,…>', 'how many shards, or their names with their memory: a=4GiB,b=8GiB')
        .argParser(parseShards)
        .makeOptionMandatory(),
    )
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
    .addOption(flag('--epoch <n>', 'of the placement; a higher one wins').argParser(integer()).default(1))
    .addOption(flag('--strict', 'fail where fewer shards are predicted faster').default(false))
    .addOption(flag('--json', 'print placement and predictions as JSON').default(false))
    .addOption(flag('--out <file>', 'write the placement there'))
    .action(runPlan);
}

async function runPlan(flags: PlanFlags): Promise<void> {
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
