// The assumed cost of a step, from its rows, frames and experts. Pure; every figure can be replaced by a measured one.

/** All in microseconds. */
export interface StepCost {
  /** A layer in the gateway (attention, scores), whatever the shards do. */
  layer: number;
  /** The gateway's time for a frame; frames of a layer are written and read one after another. */
  frame: number;
  /** From writing a frame to reading its answer, without the shard's work. Counts once a layer, because frames travel together. */
  hop: number;
  /** Reading an expert's weights, once a frame; a shard's experts run one after another. */
  expert: number;
  /** Running a row on an expert, without reading the weights. */
  row: number;
}

/** Bytes of weights that a shard reads in a microsecond, measured on two cores of a server (docs/benchmarks.md). */
const BYTES_PER_MICROSECOND = 30_000;

/** `unitBytes`: size of an expert of a layer. The figures were measured with shards on the gateway's own machine. */
export function defaultCost(unitBytes: number): StepCost {
  return { layer: 150, frame: 60, hop: 100, expert: unitBytes / BYTES_PER_MICROSECOND + 5, row: 10 };
}

/** One layer of one step. Shards work in parallel, so the slowest counts. `experts` and `rows`: `[shards]`. */
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
