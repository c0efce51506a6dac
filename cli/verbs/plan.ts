// `expertgrid plan`: plans which shard holds which experts, from the memory of the shards and from how often a gateway uses each
// expert. It predicts the gain, and `--apply` moves the experts of running shards.
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { LARGEST_EPOCH, MOST_AHEAD } from '../../experts/placing/placement-id.ts';
import { parseShardsFile } from '../../infra/discovery/shard-source.ts';
import { defaultCost, type StepCost } from '../../infra/placement/step-cost.ts';
import {
  addFlags,
  bytes,
  commaSeparated,
  flag,
  inputFlag,
  integer,
  switchFlag,
  UsageError,
} from '../flags/flags.ts';
import { addSecurityFlags } from '../flags/security-flags.ts';
import { type ApplyFlags, applyPlan } from '../plan/apply-plan.ts';
import { apiKeyFlag } from '../plan/ask-heat.ts';
import { makePlan, type NamedShards, USUAL_ROWS } from '../plan/make-plan.ts';

/** Flags that only count when a placement is planned. */
const ONLY_PLANS = ['heat', 'memory', 'gatewayMemory', 'replicas', 'rows', 'cost', 'strict', 'json', 'out'];

const COST_NAMES = Object.keys(defaultCost(1));

interface WantedShards {
  /** True if the user gave only a number of shards. Their names are then made up. */
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
    'Plan which shard holds which experts, based on how often each is used, and move experts between running shards.',
  );
  addPlanFlags(command);
  addApplyFlags(command);
  addFlags(command, 'Output:', [
    switchFlag('--json', 'Print the placement and the predictions as JSON'),
    flag('--out <file>', 'File to which the placement is written'),
    flag(
      '--kubernetes <file>',
      'File to which the groups of a cell on Kubernetes are written (see docs/deploy.md). As many shards as --replicas says are a ' +
        'group: they hold the same experts. Only with --shards',
    ),
  ]);
  return addSecurityFlags(command).action(runPlan);
}

function addPlanFlags(command: Command): void {
  addFlags(command, 'Plan:', [
    flag(
      '--heat <url|file>',
      'How often each expert is used: the address of a gateway, or a file with its answer to /v1/experts/heat',
    ),
    apiKeyFlag(),
    flag('--model <dir>', 'Bundle that the gateway serves').default('nano'),
    // EXPERTGRID_SHARDS belongs to `gateway` and holds addresses only.
    flag(
      '--shards <n|host:port|name=size,…>',
      'Shards to plan for, without moving any experts: a number, addresses, or names with memory, such as a=4GiB,b=8GiB',
    )
      .env('EXPERTGRID_PLAN_SHARDS')
      .argParser(parseShards),
    flag(
      '--memory <size>',
      'Memory for experts on each shard whose memory is not known otherwise, such as 4GiB',
    )
      .argParser(bytes)
      .default(undefined, 'just enough for the experts'),
    flag(
      '--gateway-memory <size>',
      'Spare memory of each gateway for experts that it holds itself, such as 2GiB. The plan then names the experts for ' +
        '`gateway --experts`. The shards still hold all experts',
    )
      .argParser(bytes)
      .default(undefined, 'gateways hold none'),
    flag('--replicas <n>', 'Fewest replicas of each expert, at least 1')
      .argParser(integer({ min: 1 }))
      .default(1),
    flag('--rows <n>', 'Rows per step to plan for, 1–4096; each token is one row')
      .argParser(integer({ min: 1, max: 4096 }))
      .default(undefined, `the gateway's usual number, or ${USUAL_ROWS} if it has counted none`),
    flag(
      '--cost <name=µs,…>',
      `Costs in microseconds for predicting the time of a step: any of ${COST_NAMES.join(', ')}`,
    )
      .argParser(parseCost)
      .default({}, 'measured on one machine; see docs/placement.md'),
    switchFlag(
      '--strict',
      'Fail if a smaller number of shards is predicted to be faster. Without this flag the command only warns',
    ),
  ]);
}

function addApplyFlags(command: Command): void {
  addFlags(command, 'Apply:', [
    flag(
      '--apply <host:port,…>',
      'Plan for the running shards at these addresses, and move experts between them. A move in progress is continued',
    ).argParser(commaSeparated),
    inputFlag('--shards-file <file>', 'File with one host:port per line, instead of --apply'),
    inputFlag('--placement <file>', 'File of a placement to apply, instead of planning one'),
    flag(
      '--epoch <n>',
      `Epoch (version number) of the placement. It must be 1 to ${MOST_AHEAD.toLocaleString('en')} above the highest epoch of the shards, because shards follow the placement with the highest epoch`,
    )
      .argParser(integer({ min: 1, max: LARGEST_EPOCH }))
      .default(undefined, 'one above the highest epoch of the shards, or 1 with --shards'),
  ]);
}

async function runPlan(flags: PlanFlags, command: Command): Promise<void> {
  requireNewCell(flags);
  requirePurpose(flags, command);
  const addresses = await addressesOf(flags);
  if (addresses !== undefined) return await applyPlan(addresses, flags);
  const { shards, epoch = 1 } = flags;
  if (shards === undefined) {
    throw new UsageError('give --shards to make a plan, or --apply to move experts between running shards');
  }
  if (!shards.counted) await requireCallable(shards.list);
  await makePlan({ ...flags, shards: shards.list, epoch });
}

/** The groups of a cell are planned before their pods run, and its gateways hold no experts. */
function requireNewCell({ kubernetes, ...flags }: PlanFlags): void {
  if (kubernetes === undefined) return;
  const running = flags.apply ?? flags.shardsFile ?? flags.placement;
  if (flags.shards === undefined || running !== undefined) {
    throw new UsageError(
      '--kubernetes plans pods that do not run yet: give --shards with their number, and neither --apply, --shards-file nor --placement',
    );
  }
  if (flags.gatewayMemory !== undefined) {
    throw new UsageError(
      '--gateway-memory and --kubernetes exclude each other: the gateways of a cell hold no experts',
    );
  }
}

/** Refuses flags of the command line that could have no effect beside the others. */
function requirePurpose({ apply, shardsFile, placement }: PlanFlags, command: Command): void {
  const given = (name: string) => command.getOptionValueSource(name) === 'cli';
  const running = apply !== undefined || shardsFile !== undefined;
  if (running && given('shards')) {
    throw new UsageError(
      '--shards plans without moving any experts, and --apply and --shards-file move them. Leave one of them out',
    );
  }
  if (placement === undefined) return;
  if (!running) {
    throw new UsageError('--placement is a file to apply: give --apply or --shards-file with the shards');
  }
  const idle = ONLY_PLANS.find(given);
  if (idle !== undefined) {
    const { long } = command.options.find((option) => option.attributeName() === idle)!;
    throw new UsageError(
      `${long} needs a plan, and --placement applies a file without planning. Leave one of them out`,
    );
  }
}

async function addressesOf({ apply, shardsFile }: PlanFlags): Promise<string[] | undefined> {
  if (apply !== undefined && shardsFile !== undefined) {
    throw new UsageError('--apply and --shards-file exclude each other: give one of them');
  }
  return shardsFile === undefined ? apply : parseShardsFile(await readFile(shardsFile, 'utf8'), shardsFile);
}

/** A shard without a size must be running already, so its name must be an address. Rejects if DNS does not know the host. */
async function requireCallable(shards: NamedShards): Promise<void> {
  for (const { name, memoryBytes } of shards) {
    const [, host] = /^\[?(.*?)\]?(?::\d+)?$/.exec(name) ?? [];
    if (memoryBytes !== undefined || host === undefined) continue;
    await lookup(host).catch((cause: unknown) => {
      throw new UsageError(
        `--shards ${name}: this is neither a number nor an address, and DNS does not know the name. ` +
          `Write host:port, or add the memory of a shard that does not run yet: ${name}=4GiB`,
        { cause },
      );
    });
  }
}

/** Parses `4`, `127.0.0.1:7001,127.0.0.1:7002`, or `a=4GiB,b=8GiB`. */
function parseShards(text: string): WantedShards {
  if (/^\d+$/.test(text)) {
    const length = integer({ min: 1, max: 4096 })(text);
    return {
      counted: true,
      list: Array.from({ length }, (_, n) => ({ name: `shard-${n}`, memoryBytes: undefined })),
    };
  }
  const shards = commaSeparated(text).map((item): NamedShards[number] => {
    const [name = '', size, ...more] = item.split('=');
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
  return Object.fromEntries(
    commaSeparated(text).map((item): [string, number] => {
      const [name = '', value = ''] = item.split('=');
      const microseconds = Number(value);
      if (!COST_NAMES.includes(name) || value === '' || !(microseconds >= 0)) {
        throw new InvalidArgumentError(`Write name=microseconds. Names are ${COST_NAMES.join(', ')}.`);
      }
      return [name, microseconds];
    }),
  );
}
