// Sizes the regions of a workload: how many gateways and shards, what they need and cost, and what the loss of parts does.
import type { Calibration } from './calibration.ts';
import { costsOf } from './costs.ts';
import { gatewayLimits, type Limit, limitsOf, lowest, type Size, shardLimit } from './limits.ts';
import { type Operation, operate } from './operate.ts';
import { GATEWAY_CORES, gatewayNeedsMiB, SHARD_CORES, shardNeedsMiB } from './process-needs.ts';
import { planOf } from './request.ts';
import { expertBytes, type ModelShape } from './shape.ts';
import { checkWorkload, type Settings, type Workload, WorkloadError } from './workload.ts';

const MIB = 2 ** 20;
const HOUR_SECONDS = 3600;

/** Everything is computed from measurements of one machine; nothing of this size was run. */
export interface Sizing {
  workload: Workload;
  settings: Settings;
  /** Of each region. */
  region: RegionSize;
  /** Each region at its share of the load. */
  usual: Operation;
  /** The same while one gateway and one shard of each group are away. Undefined without redundancy. */
  oneAway: Operation | undefined;
  /** Each other region while one region is lost. Undefined if there is no other. */
  regionLost: Operation | undefined;
  /** The rates of one region at which a queue begins to grow, the lowest first. */
  limits: Limit[];
  cost: Cost;
}

export interface RegionSize extends Size {
  groups: number;
  shards: number;
  gatewayMiB: number;
  shardMiB: number;
  memoryMiB: number;
  cores: number;
  /** Sequences that a gateway can run at once. */
  slots: number;
}

/** Of all regions together, in the currency of the prices. */
export interface Cost {
  hourly: number;
  /** Of a million generated tokens. */
  millionTokens: number;
}

/** Throws a WorkloadError if numbers are out of range or contradict each other. */
export function sizeFor(
  calibration: Calibration,
  shape: ModelShape,
  workload: Workload,
  settings: Settings,
): Sizing {
  checkWorkload(workload, settings, shape);
  const { rps, regions } = workload;
  const groups = settings.groups ?? fewestGroups(shape, settings);
  const plan = planOf({ shape, costs: costsOf(calibration, shape) }, workload, settings, groups);
  const share = rps / regions;
  const shareAfterLoss = regions > 1 ? rps / (regions - 1) : undefined;
  const planned = settings.survivesRegion ? (shareAfterLoss ?? share) : share;
  const size: Size = {
    gateways: processesFor(planned, lowest(gatewayLimits(plan)), settings),
    replicas: processesFor(planned, shardLimit(plan), settings),
  };
  const region = regionSize(shape, settings, { ...size, groups, slots: plan.slots });
  const less = { gateways: size.gateways - 1, replicas: size.replicas - 1 };
  return {
    ...{ workload, settings, region },
    usual: operate(plan, size, share),
    oneAway: settings.redundancy > 1 ? operate(plan, less, share) : undefined,
    regionLost: shareAfterLoss === undefined ? undefined : operate(plan, size, shareAfterLoss),
    limits: limitsOf(plan, size),
    cost: costOf(region, workload, settings),
  };
}

/** Enough processes for the rate at the planned utilisation, while all but one of the redundancy are away. */
function processesFor(rps: number, { rps: limit }: Limit, { utilisation, redundancy }: Settings): number {
  return Math.ceil(rps / (utilisation * limit)) + redundancy - 1;
}

function fewestGroups(shape: ModelShape, { shardMiB }: Settings): number {
  const groups = Math.max(1, Math.ceil(expertBytes(shape) / MIB / shardMiB));
  if (groups <= shape.experts) return groups;
  const smallest = Math.ceil((shape.layers * shape.unitBytes) / MIB);
  throw new WorkloadError(
    `a shard has ${shardMiB} MiB for experts, and one expert of each layer needs ${smallest} MiB: give shards more memory`,
  );
}

function regionSize(
  shape: ModelShape,
  { kvMiB, answerMiB }: Settings,
  { gateways, replicas, groups, slots }: Size & { groups: number; slots: number },
): RegionSize {
  const shards = groups * replicas;
  const held = Math.ceil(shape.experts / groups) * shape.layers * shape.unitBytes;
  const shardMiB = shardNeedsMiB(held / MIB);
  const gatewayMiB = gatewayNeedsMiB({ denseMiB: shape.denseBytes / MIB, kvMiB, answerMiB });
  return {
    ...{ gateways, replicas, groups, shards, slots, gatewayMiB, shardMiB },
    memoryMiB: gateways * gatewayMiB + shards * shardMiB,
    cores: gateways * GATEWAY_CORES + shards * SHARD_CORES,
  };
}

function costOf(
  { cores, memoryMiB }: RegionSize,
  { rps, answer, regions }: Workload,
  { prices }: Settings,
): Cost {
  const hourly = regions * (cores * prices.core + (memoryMiB / 1024) * prices.gib);
  return { hourly, millionTokens: (1e6 * hourly) / (rps * answer * HOUR_SECONDS) };
}
