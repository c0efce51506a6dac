// `expertgrid plan`: from a gateway's heat and the shards' memory to which shard holds what, what that will bring, and, with
// `--apply`, to running shards that hold it.
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { defaultCost, type StepCost } from '../infra/placement/step-cost.ts';
import { type ApplyFlags, applyPlan } from './apply-plan.ts';
import { apiKeyFlag } from './ask-heat.ts';
import { bytes, flag, integer } from './flags.ts';
import { makePlan, type NamedShards } from './make-plan.ts';
import { addSecurityFlags } from './security-flags.ts';
import { parseShardsFile } from './shard-source.ts';

interface PlanFlags extends ApplyFlags {
  shards?: NamedShards;
  apply?: string[];
  shardsFile?: string;
}

export function planCommand(): Command {
  const command = new Command('plan')
    .description('Plan which shard holds which experts, from how hot they are, and move a fleet there.')
    .addOption(flag('--heat <url|file>', 'address of a gateway, or a file with its answer'))
    .addOption(apiKeyFlag())
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

async function addressesOf({ apply, shardsFile }: PlanFlags): Promise<string[] | undefined> {
  if (apply !== undefined && shardsFile !== undefined) {
    throw new Error('--apply, --shards-file: they exclude each other');
  }
  return shardsFile === undefined ? apply : parseShardsFile(await readFile(shardsFile, 'utf8'), shardsFile);
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
