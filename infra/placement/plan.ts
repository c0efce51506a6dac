// Heat and shards to a placement, with what it will do beside what contiguous placement would. Pure: no clock, no files.
import type { Heat } from './heat.ts';
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
  /** One expert of one layer. */
  unitBytes: number;
  /** Shards that hold each unit, at least. */
  replicas?: number;
  /** Rows a step, for the predictions. */
  rows?: number;
  /** Experts a row, of each layer; 1 where absent. */
  k?: readonly number[];
  /** For the sake of experts that follow each other the hottest shard of a layer may have so many times the mean. */
  slack?: number;
  cost?: Partial<StepCost>;
}

export interface Plan {
  layout: Layout;
  /** `[shards]` */
  units: number[];
  predicted: Prediction;
  contiguous: Prediction;
  /** Whether contiguous placement would fit into the memory of each shard. */
  contiguousFits: boolean;
  /** Shards that hold the model without the others and are predicted faster, by `ratio` of step times. */
  fewer: { shards: string[]; ratio: number } | undefined;
}

/** Fewer shards have to be faster by so much that it is said. */
const WORTH_SAYING = 1.02;

/** Throws where the model does not fit into the shards, or not `replicas` times. */
export function plan({
  heat,
  shards,
  unitBytes,
  replicas = 1,
  rows = 8,
  k = [],
  slack,
  cost,
}: PlanOptions): Plan {
  if (shards.length === 0) throw new RangeError('a plan needs at least one shard');
  const costs = { ...defaultCost(unitBytes), ...cost };
  const options = { replicas, ...(slack !== undefined && { slack }) };
  const predictFor = (layout: Layout, count: number) =>
    predict(layout, { heat, shards: count, rows, k, cost: costs });
  /** Memory that balance does not need is used where that is predicted faster. */
  const best = (chosen: readonly PlannedShard[], of: Heat) => {
    const room = roomOf(chosen, unitBytes);
    return [false, true]
      .map((fill) => place({ ...options, heat: of, room, fill }))
      .map((layout) => ({ layout, predicted: predictFor(layout, chosen.length) }))
      .reduce((a, b) => (b.predicted.stepMicroseconds < a.predicted.stepMicroseconds ? b : a));
  };

  const { layout, predicted } = best(shards, heat);
  const inOrder = contiguous(heat, shards.length);
  const room = roomOf(shards, unitBytes);
  const bySize = shards.toSorted((a, b) => b.memoryBytes - a.memoryBytes); // stable: of equal ones the first
  const { successors: _, ...alone } = heat; // who follows whom changes no step's predicted time
  let fewer: Plan['fewer'];
  for (const count of countsToTry(roomOf(bySize, unitBytes), heat, replicas)) {
    const kept = bySize.slice(0, count);
    const ratio = predicted.stepMicroseconds / best(kept, alone).predicted.stepMicroseconds;
    if (ratio > (fewer?.ratio ?? WORTH_SAYING)) fewer = { shards: kept.map(({ name }) => name), ratio };
  }
  return {
    layout,
    units: unitsOf(layout, shards.length),
    predicted,
    contiguous: predictFor(inOrder, shards.length),
    contiguousFits: unitsOf(inOrder, shards.length).every((units, shard) => units <= room[shard]!),
    fewer,
  };
}

/** `[shards]`, units that fit into each. */
function roomOf(shards: readonly PlannedShard[], unitBytes: number): number[] {
  return shards.map(({ memoryBytes }) => Math.floor(memoryBytes / unitBytes));
}

/** Fewer shards: as few as hold the model, one less than there are, and by halves between. `room` descends. */
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
