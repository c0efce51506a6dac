// `expertgrid up`: runs a gateway and its expert shards on one machine, each shard as a process of its own.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { DRAIN_MS } from '../../experts/admin.ts';
import { MANIFEST_FILE } from '../../model/bundle/manifest.ts';
import type { Bits } from '../../model/bundle/tensors.ts';
import { BITS_TEXT, parseBits } from '../flags/bits.ts';
import { addFlags, asUsage, flag, integer, several, switchFlag, UsageError } from '../flags/flags.ts';
import { addGatewayFlags, callPolicy, type GatewayFlags } from '../flags/gateway-flags.ts';
import { homeExperts } from '../flags/home-experts.ts';
import { namedModels, type OpenedModel } from '../flags/models.ts';
import { PEERS_OF_UP, securityPaths } from '../flags/security-flags.ts';
import { split } from '../flags/split.ts';
import { openGateway } from '../gateway/open-gateway.ts';
import { serveGateway } from '../gateway/serve-gateway.ts';
import { ShardProcess } from '../shard/shard-process.ts';
import { createLogger } from '../terminal/log.ts';
import { addUp } from '../terminal/reading-report.ts';

interface Flags extends GatewayFlags {
  shards: number | undefined;
  inProcess: boolean;
  /** One list of experts for each model. */
  gatewayExperts?: string[];
  bits?: Bits;
}

const DEFAULT_SHARDS = 4;

/** Environment variable of `--shards`. */
const SHARD_COUNT = 'EXPERTGRID_SHARD_COUNT';

/** A shard that has not ended after this time is killed. */
const SHARD_GRACE_MS = DRAIN_MS + 2_000;

export function upCommand(): Command {
  const command = new Command('up')
    .description('Serve models on this machine: a gateway and its expert shards.')
    .hook('preAction', refuseOldCount);
  addFlags(command, 'Shards:', [
    // EXPERTGRID_SHARDS belongs to `gateway` and holds addresses.
    flag('--shards <n>', 'Number of shard processes, from 1 to the number of experts in a layer')
      .env(SHARD_COUNT)
      .argParser(integer({ min: 1 }))
      .default(undefined, `${DEFAULT_SHARDS}; 1 with --in-process`),
    switchFlag('--in-process', 'Run the experts inside the gateway process, without sockets'),
    flag(
      '--gateway-experts <list>',
      'Experts that the gateway holds too, such as 0-23 or 3:17,5:0-11. Their rows are computed in its process and are not ' +
        'sent to a shard. The shards still hold all experts. Give one list for each --model, in the same order',
    )
      .argParser(several)
      .default(undefined, 'none'),
    flag(
      '--bits <n>',
      `Bits per weight (${BITS_TEXT}) if --model is a Hugging Face checkpoint. The command converts it and keeps the bundle in a cache`,
    )
      .argParser(parseBits)
      .default(undefined, 'the user is asked at a terminal; elsewhere, checkpoints are refused')
      .helpGroup('Models:'),
  ]);
  return addGatewayFlags(command, PEERS_OF_UP).action(up);
}

/** In older releases EXPERTGRID_SHARDS was the number of shards of `up`. Today it holds the addresses of a gateway's shards. */
function refuseOldCount(command: Command): void {
  const old = process.env.EXPERTGRID_SHARDS?.trim() ?? '';
  if (!/^\d+$/.test(old) || command.getOptionValue('shards') !== undefined) return;
  command.error(
    `error: EXPERTGRID_SHARDS=${old}: this variable names the addresses of a gateway's shards. ` +
      `Set ${SHARD_COUNT}=${old} for the number of shards of "expertgrid up"`,
  );
}

function requireExperts(models: readonly OpenedModel[], shards: number): void {
  for (const { id, experts } of models) {
    if (shards <= experts) continue;
    throw new UsageError(
      `--shards ${shards}: ${id} has ${experts} experts in each layer, and each shard holds at least one. Give at most ${experts}`,
    );
  }
}

async function up(flags: Flags, command: Command): Promise<void> {
  const log = createLogger(flags);
  const policy = await asUsage(command, () => callPolicy(flags));
  const named = await asUsage(command, () => namedModels(flags.model));
  const areBundles = named.every(({ dir }) => existsSync(join(dir, MANIFEST_FILE)));
  // The converter is loaded only if a model may need it.
  const bundles =
    areBundles && flags.bits === undefined
      ? named
      : await (await import('../gateway/convert-models.ts')).convertModels(named, flags.bits);
  if (bundles === undefined) return;
  const gateway = await openGateway(flags, bundles, policy, log);
  const { models, prefetch } = gateway;
  const count = flags.shards ?? (flags.inProcess ? 1 : DEFAULT_SHARDS);
  requireExperts(models, count);
  if (flags.inProcess && flags.gatewayExperts !== undefined) {
    throw new UsageError(
      '--gateway-experts: with --in-process, the gateway holds all experts. Leave one of them out',
    );
  }
  const homeOf = homeExperts({ flag: '--gateway-experts', lists: flags.gatewayExperts, models });
  // Each shard holds a share of every model.
  const ranges = ({ experts }: OpenedModel) => split(experts, count);
  const shares = Array.from({ length: count }, (_, shard) =>
    models.map((model) => ({ model: model.dir, experts: ranges(model)[shard]! })),
  );
  // The shards share the cores of this machine. The gateway needs them too, but hardly ever at the same time.
  const threads = Math.max(1, Math.floor(flags.threads / count));
  const security = securityPaths(flags);
  const processes = flags.inProcess
    ? []
    : shares.map((holds) => new ShardProcess({ ...flags, threads, prefetch, holds, security, log }));
  await serveGateway({
    ...gateway,
    startShards: async ({ onLoading, onReading }) => {
      if (flags.inProcess) return (model) => ({ here: ranges(model) });
      const [loading, reading] = [onLoading, onReading].map((report) => addUp(processes.length, report));
      const addresses = await Promise.all(
        processes.map((shard, i) => shard.start({ onLoading: loading?.[i], onReading: reading?.[i] })),
      );
      const elsewhere = { addresses, ...(security && { security }) };
      return (model) => ({ here: homeOf(model), elsewhere });
    },
    onServing: () => {
      for (const shard of processes) shard.readAhead();
    },
    stopShards: async () => {
      await Promise.all(processes.map((shard) => shard.stop(SHARD_GRACE_MS)));
    },
    killShards: () => {
      for (const shard of processes) shard.kill();
    },
    awaitExperts: true,
  });
}
