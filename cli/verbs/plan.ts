// `expertgrid plan`: plans which shard holds which experts from a gateway's heat and the shards' memory, predicts the gain, and with
// `--apply` moves running shards to the plan.

import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { LARGEST_EPOCH, MOST_AHEAD } from '../../experts/placing/placement-id.ts';
import { parseShardsFile } from '../../infra/discovery/shard-source.ts';
import { defaultCost, type StepCost } from '../../infra/placement/step-cost.ts';
import { bytes, flag, inputFlag, integer, UsageError } from '../flags/flags.ts';
import { addSecurityFlags } from '../flags/security-flags.ts';
import { type ApplyFlags, applyPlan } from '../plan/apply-plan.ts';
import { apiKeyFlag } from '../plan/ask-heat.ts';
import { makePlan, type NamedShards } from '../plan/make-plan.ts';

interface WantedShards {
  /** The user gave their number, so the names are made up. */
  counted: boolean;
  list: NamedShards;
}

interface PlanFlags extends ApplyFlags {
  shards?: WantedShards;
  apply?: string[];
  shardsFile?: string;
}

export function planCommand(): Command {
  const command = new Command('plan').description(
    'Plan which shard holds which experts, from how often each is used, and move experts between running shards.',
  );
  addApplyFlags(addPlanFlags(command))
    .optionsGroup('Output:')
    .addOption(flag('--json', 'Print placement and predictions as JSON').default(false))
    .addOption(flag('--out <file>', 'File to write the placement to'));
  return addSecurityFlags(command).action(runPlan);
}

function addPlanFlags(command: Command): Command {
  return command
    .optionsGroup('Plan:')
    .addOption(
      flag('--heat <url|file>', 'Address of a gateway, or a file with its answer to /v1/experts/heat'),
    )
    .addOption(apiKeyFlag())
    .addOption(flag('--model <dir>', 'Bundle that the gateway serves').default('nano'))
    .addOption(
      // EXPERTGRID_SHARDS is a gateway's, and names addresses only.
      flag(
        '--shards <n|host:port|name=size,…>',
        'Shards to plan for, without moving any: a number, addresses, or names with memory, such as a=4GiB,b=8GiB',
      )
        .env('EXPERTGRID_PLAN_SHARDS')
        .argParser(parseShards),
    )
    .addOption(
      flag('--memory <size>', 'Memory for experts on each shard that has no size of its own, such as 4GiB')
        .argParser(bytes)
        .default(undefined, 'just enough'),
    )
    .addOption(
      flag('--replicas <n>', 'Least number of replicas of each expert, at least 1')
        .argParser(integer({ min: 1 }))
        .default(1),
    )
    .addOption(
      flag('--rows <n>', 'Rows per step to plan for, 1–4096')
        .argParser(integer({ min: 1, max: 4096 }))
        .default(undefined, "the gateway's usual number"),
    )
    .addOption(
      flag(
        '--cost <name=µs,…>',
        `Costs for predicting the time of a step, in microseconds: any of ${Object.keys(defaultCost(1)).join(', ')}`,
      )
        .argParser(parseCost)
        .default({}, 'measured on one machine, see docs/placement.md'),
    )
    .addOption(
      flag('--strict', 'Fail, instead of a warning, if fewer shards are predicted to be faster').default(
        false,
      ),
    );
}

function addApplyFlags(command: Command): Command {
  return command
    .optionsGroup('Apply:')
    .addOption(
      flag(
        '--apply <host:port,…>',
        'Addresses of running shards to plan for and to move experts between. A move in progress is continued',
      ).argParser((text) => text.split(',').map((address) => address.trim())),
    )
    .addOption(inputFlag('--shards-file <file>', 'File with one host:port a line, instead of --apply'))
    .addOption(inputFlag('--placement <file>', 'File of a placement to apply instead of planning one'))
    .addOption(
      flag(
        '--epoch <n>',
        `Epoch of the placement, 1 to ${MOST_AHEAD.toLocaleString('en')} above the shards' own; shards follow the highest`,
      )
        .argParser(integer({ min: 1, max: LARGEST_EPOCH }))
        .default(undefined, 'one above the highest of the shards'),
    );
}

async function runPlan(flags: PlanFlags): Promise<void> {
  const addresses = await addressesOf(flags);
  if (addresses !== undefined) return await applyPlan(addresses, flags);
  const { shards, epoch = 1 } = flags;
  if (shards === undefined) {
    throw new UsageError('give --shards to plan for a number of shards, or --apply to move running ones');
  }
  if (!shards.counted) await requireCallable(shards.list);
  await makePlan({ ...flags, shards: shards.list, epoch });
}

async function addressesOf({ apply, shardsFile }: PlanFlags): Promise<string[] | undefined> {
  if (apply !== undefined && shardsFile !== undefined) {
    throw new UsageError('--apply and --shards-file exclude each other: give one of them');
  }
  return shardsFile === undefined ? apply : parseShardsFile(await readFile(shardsFile, 'utf8'), shardsFile);
}

/** A shard without a size must be running somewhere, so its name must be an address. Rejects if it cannot be looked up. */
async function requireCallable(shards: NamedShards): Promise<void> {
  for (const { name, memoryBytes } of shards) {
    const [, host] = /^\[?(.*?)\]?(?::\d+)?$/.exec(name) ?? [];
    if (memoryBytes !== undefined || host === undefined || (await isKnown(host))) continue;
    throw new UsageError(
      `--shards ${name}: this is neither a number nor an address, and DNS does not know the name. ` +
        `Write host:port, or add the memory of a shard that does not run yet: ${name}=4GiB`,
    );
  }
}

function isKnown(host: string): Promise<boolean> {
  return lookup(host).then(
    () => true,
    () => false, // why it cannot be looked up makes no difference here
  );
}

/** `4`, `127.0.0.1:7001,127.0.0.1:7002`, or `a=4GiB,b=8GiB`. */
function parseShards(text: string): WantedShards {
  if (/^\d+$/.test(text)) {
    const count = integer({ min: 1, max: 4096 })(text);
    const numbers = Array.from({ length: count }, (_, index) => index);
    return { counted: true, list: numbers.map((n) => ({ name: `shard-${n}`, memoryBytes: undefined })) };
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
  return { counted: false, list: shards };
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
