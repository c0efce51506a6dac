// Sizes the regions of a workload: how many gateways and shards, what they need and cost, and what the loss of parts does.
import type { Calibration } from './calibration.ts';
import { costsOf } from './costs.ts';
import { gatewayLimits, type Limit, limitsOf, lowest, type Size, shardLimit } from './limits.ts';
import { type Operation, operate } from './operate.ts';
import { GATEWAY_CORES, gatewayNeedsMiB, SHARD_CORES, shardNeedsMiB } from './process-needs.ts';
import { planOf } from './request.ts';
import { expertBytes, hopsOf, type ModelShape } from './shape.ts';
import { checkWorkload, type Settings, type Workload, WorkloadError } from './workload.ts';

const MIB = 2 ** 20;
const HOUR_SECONDS = 3600;

/** Everything is computed from measurements of one machine; nothing of this size was run. */
export interface Sizing {
  workload: Workload;
  settings: Settings;
  /** Of each region. Its cells are alike and share its load evenly. */
  region: RegionSize;
  /** Each cell at its share of the load. */
  usual: Operation;
  /** The same while one gateway and one shard of each group are away. Undefined without redundancy. */
  oneAway: Operation | undefined;
  /** Each cell of the other regions while one region is lost. Undefined if there is no other region. */
  regionLost: Operation | undefined;
  /** The rates of one cell at which a queue begins to grow, the lowest first. */
  limits: Limit[];
  cost: Cost;
}

export interface RegionSize {
  cells: number;
  /** Groups of shards in a cell. */
  groups: number;
  /** Of each cell: gateways, and shards of each group. */
  cell: Size;
  gateways: number;
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
  const ofGateway = lowest(gatewayLimits(plan));
  const cells = cellsFor(planned, ofGateway, settings);
  const size: Size = {
    gateways: processesFor(planned / cells, ofGateway, settings),
    replicas: processesFor(planned / cells, shardLimit(plan), settings),
  };
  const region = regionSize(shape, settings, { ...size, cells, groups, slots: plan.slots });
  const less = { gateways: size.gateways - 1, replicas: size.replicas - 1 };
  const at = (of: Size, rps: number) => operate(plan, of, rps / cells);
  return {
    ...{ workload, settings, region },
    usual: at(size, share),
    oneAway: settings.redundancy > 1 ? at(less, share) : undefined,
    regionLost: shareAfterLoss === undefined ? undefined : at(size, shareAfterLoss),
    limits: limitsOf(plan, size),
    cost: costOf(region, workload, settings),
  };
}

/** As few cells as a bounded number of gateways in each allows. */
function cellsFor(
  rps: number,
  { rps: limit }: Limit,
  { utilisation, redundancy, cellGateways }: Settings,
): number {
  return Math.max(1, Math.ceil(rps / (utilisation * limit * (cellGateways - redundancy + 1))));
}

/** Enough processes for the rate at the planned utilisation, while all but one of the redundancy are away. */
function processesFor(rps: number, { rps: limit }: Limit, { utilisation, redundancy }: Settings): number {
  return Math.ceil(rps / (utilisation * limit)) + redundancy - 1;
}

function fewestGroups(shape: ModelShape, { shardMiB }: Settings): number {
  const groups = Math.max(1, Math.ceil(expertBytes(shape) / MIB / shardMiB));
  if (groups <= shape.experts) return groups;
  const smallest = Math.ceil((hopsOf(shape) * shape.unitBytes) / MIB);
  throw new WorkloadError(
    `a shard has ${shardMiB} MiB for experts, and one expert of each layer needs ${smallest} MiB: give shards more memory`,
  );
}

function regionSize(
  shape: ModelShape,
  { kvMiB, answerMiB }: Settings,
  { cells, groups, slots, ...cell }: Size & { cells: number; groups: number; slots: number },
): RegionSize {
  const gateways = cells * cell.gateways;
  const shards = cells * groups * cell.replicas;
  const held = Math.ceil(shape.experts / groups) * hopsOf(shape) * shape.unitBytes;
  const shardMiB = shardNeedsMiB(held / MIB);
  const gatewayMiB = gatewayNeedsMiB({ denseMiB: shape.denseBytes / MIB, kvMiB, answerMiB });
  return {
    ...{ cells, cell, gateways, groups, shards, slots, gatewayMiB, shardMiB },
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
