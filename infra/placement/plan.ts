// Plans a placement from heat and shards, and predicts its step time and that of contiguous placement. Pure.
import { ofGroups, ungrouped } from './groups.ts';
import type { Heat } from './heat.ts';
import { chooseHome, type Home, type HomeOrder } from './home.ts';
import { contiguous, type Layout, unitsOf } from './layout.ts';
import { place } from './place.ts';
import { type Prediction, predict } from './predict.ts';
import { defaultCost, type StepCost } from './step-cost.ts';

export interface PlannedShard {
  name: string;
  memoryBytes: number;
}

export interface PlanOptions {
  heat: Heat;
  shards: readonly PlannedShard[];
  /** Bytes of one expert of one layer. */
  unitBytes: number;
  /** Minimum number of replicas of each unit. Default: 1. */
  replicas?: number;
  /** Shards of a group, which hold the same units: shards are grouped in their order. Default: 1. */
  groupSize?: number;
  /** Rows of each predicted step. Default: 8. */
  rows?: number;
  /** Experts for each row, by layer. Default: 1. */
  k?: readonly number[];
  /** See `PlaceOptions.slack`. */
  slack?: number;
  cost?: Partial<StepCost>;
  /** Memory of each gateway for experts that it holds itself. Absent: gateways hold none. */
  gatewayBytes?: number | undefined;
}

/** The experts that each gateway holds itself, beside the shards that hold all experts. */
export interface HomePlan {
  /** The units of `order` fit into the memory; of both orders, this one is predicted to be faster. */
  order: HomeOrder;
  home: Home;
  predicted: Prediction;
  /** Step time without experts on gateways, divided by the step time with them. */
  gain: number;
}

export interface Plan {
  layout: Layout;
  /** `[shards]`, units on each shard. */
  units: number[];
  predicted: Prediction;
  contiguous: Prediction;
  /** Whether contiguous placement would fit into the memory of each shard. */
  contiguousFits: boolean;
  /** Some of the shards, if a step is predicted to be faster with only these. `ratio`: step time of all, divided by that of these. */
  fewer: { shards: string[]; ratio: number } | undefined;
  /** Undefined if gateways hold no experts. */
  home: HomePlan | undefined;
}

/** `Plan.fewer` is reported only if its ratio is above this. */
const WORTH_REPORTING = 1.02;

/** Throws if the model does not fit `replicas` times into the shards. */
export function plan({
  heat,
  shards,
  unitBytes,
  replicas = 1,
  groupSize = 1,
  rows = 8,
  k = [],
  slack,
  cost,
  gatewayBytes,
}: PlanOptions): Plan {
  if (shards.length === 0) throw new RangeError('a plan needs at least one shard');
  const costs = { ...defaultCost(unitBytes), ...cost };
  const options = { replicas: Math.ceil(replicas / groupSize), ...(slack !== undefined && { slack }) };
  const predictFor = (layout: Layout, count: number) =>
    predict(layout, { heat, shards: count, rows, k, cost: costs });
  /** Fills free memory with replicas only if this is predicted to be faster. */
  const best = (chosen: readonly PlannedShard[], of: Heat) => {
    const room = ofGroups(roomOf(chosen, unitBytes), groupSize);
    return [false, true]
      .map((fill) => ungrouped(place({ ...options, heat: of, room, fill }), groupSize))
      .map((layout) => ({ layout, predicted: predictFor(layout, chosen.length) }))
      .reduce((a, b) => (b.predicted.stepMicroseconds < a.predicted.stepMicroseconds ? b : a));
  };

  const { layout, predicted } = best(shards, heat);
  const inOrder = contiguous(heat, shards.length);
  const room = roomOf(shards, unitBytes);
  const bySize = shards.toSorted((a, b) => b.memoryBytes - a.memoryBytes);
  const { successors: _, ...alone } = heat; // successors take time and do not change predicted step times
  let fewer: Plan['fewer'];
  const groupRoom = ofGroups(roomOf(bySize, unitBytes), groupSize);
  for (const groups of countsToTry(groupRoom, heat, options.replicas)) {
    const count = groups * groupSize;
    const kept = bySize.slice(0, count);
    const ratio = predicted.stepMicroseconds / best(kept, alone).predicted.stepMicroseconds;
    if (ratio > (fewer?.ratio ?? WORTH_REPORTING)) fewer = { shards: kept.map(({ name }) => name), ratio };
  }
  return {
    layout,
    units: unitsOf(layout, shards.length),
    predicted,
    contiguous: predictFor(inOrder, shards.length),
    contiguousFits: unitsOf(inOrder, shards.length).every((units, shard) => units <= room[shard]!),
    fewer,
    home:
      gatewayBytes === undefined
        ? undefined
        : planHome(
            { heat, k, room: Math.floor(gatewayBytes / unitBytes) },
            (home) => predict(layout, { heat, shards: shards.length, rows, k, cost: costs, home }),
            predicted,
          ),
  };
}

/** Throws if no unit fits. */
function planHome(
  options: Omit<Parameters<typeof chooseHome>[0], 'order'>,
  predictWith: (home: Home) => Prediction,
  without: Prediction,
): HomePlan {
  if (options.room < 1) throw new RangeError('the memory for experts on a gateway does not hold one expert');
  return (['hottest', 'layers'] as const)
    .map((order): HomePlan => {
      const home = chooseHome({ ...options, order });
      const predicted = predictWith(home);
      return { order, home, predicted, gain: without.stepMicroseconds / predicted.stepMicroseconds };
    })
    .reduce((a, b) => (b.gain > a.gain ? b : a));
}

/** `[shards]`, units that fit into each shard. */
function roomOf(shards: readonly PlannedShard[], unitBytes: number): number[] {
  return shards.map(({ memoryBytes }) => Math.floor(memoryBytes / unitBytes));
}

/** Numbers of groups to try: the fewest that hold the model, all but one, and all / 2, all / 4, …. `room` must descend. */
function countsToTry(room: readonly number[], heat: Heat, replicas: number): number[] {
  const all = room.length;
  const counts = Array.from({ length: all - 1 }, (_, index) => index + 1).filter(
    (count) => count >= replicas && holds(room.slice(0, count), heat, replicas),
  );
  const halves = Array.from({ length: 12 }, (_, power) => Math.ceil(all / 2 ** (power + 1)));
  return counts.filter((count, index) => index === 0 || count === all - 1 || halves.includes(count));
}

function holds(room: readonly number[], { layers, experts }: Heat, replicas: number): boolean {
  const units = layers * experts;
  return room.reduce((sum, there) => sum + Math.min(there, units), 0) >= units * replicas;
}
