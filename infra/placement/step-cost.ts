// What a step is taken to cost, from its rows, frames and experts. Pure; every figure can be measured and given.

/** Microseconds, where nothing else is said. */
export interface StepCost {
  /** Attention, scores and the like: a layer, whatever the shards do. */
  layer: number;
  /** A frame to a shard, of the gateway's time: frames of a layer are written and read one after another. */
  frame: number;
  /** From a frame written to its answer read, the shard's own work left out: once a layer, frames travel together. */
  hop: number;
  /** An expert's weights, read once a frame by the shard; its experts one after another. */
  expert: number;
  /** A row on an expert, beside reading the weights. */
  row: number;
}

/** Bytes of weights that a shard reads a microsecond: of two cores of a server, measured (docs/benchmarks.md). */
const BYTES_PER_MICROSECOND = 30_000;

/** `unitBytes` is the size of an expert of a layer. Measured with shards on the gateway's own machine. */
export function defaultCost(unitBytes: number): StepCost {
  return { layer: 150, frame: 60, hop: 100, expert: unitBytes / BYTES_PER_MICROSECOND + 5, row: 10 };
}

/** One layer of one step: shards work at the same time, so the slowest counts. `[shards]` experts and rows. */
export function layerMicroseconds(
  cost: StepCost,
  experts: ArrayLike<number>,
  rows: ArrayLike<number>,
): number {
  let frames = 0;
  let slowest = 0;
  for (let shard = 0; shard < experts.length; shard++) {
    if (experts[shard] === 0) continue;
    frames++;
    slowest = Math.max(slowest, cost.expert * experts[shard]! + cost.row * rows[shard]!);
  }
  return cost.layer + cost.frame * frames + (frames > 0 ? cost.hop : 0) + slowest;
}
