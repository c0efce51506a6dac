// Estimates the time of a step from its rows, frames and experts. Every figure can be replaced by a measured one. Pure.

/** All figures are in microseconds. */
export interface StepCost {
  /** The gateway's work for a layer (attention, scores), without the work for frames. */
  layer: number;
  /** The gateway's work for a frame. The frames of a layer are written and read one after another. */
  frame: number;
  /** From writing a frame to reading its answer, without the shard's work. Counts once a layer: all its frames travel together. */
  hop: number;
  /** Reading an expert's weights. Counts for each expert of a frame, because a shard runs its experts one after another. */
  expert: number;
  /** Running a row on an expert, without reading the weights. */
  row: number;
}

/** Bytes of weights that a shard reads in a microsecond, measured on two cores of a server (docs/benchmarks.md). */
const BYTES_PER_MICROSECOND = 30_000;

/** `unitBytes`: size of one expert of one layer. The figures were measured with shards on the gateway's machine. */
export function defaultCost(unitBytes: number): StepCost {
  return { layer: 150, frame: 60, hop: 100, expert: unitBytes / BYTES_PER_MICROSECOND + 5, row: 10 };
}

/** What the gateway computes itself in one layer of one step. */
interface HomeWork {
  experts: number;
  rows: number;
}

/**
 * Time of one layer of one step. `experts` and `rows`: `[shards]`. Shards work in parallel, so the slowest one counts. The gateway
 * sends its frames first, and computes its own rows (`home`) while the shards compute theirs.
 */
export function layerMicroseconds(
  cost: StepCost,
  experts: ArrayLike<number>,
  rows: ArrayLike<number>,
  home: HomeWork = { experts: 0, rows: 0 },
): number {
  let frames = 0;
  let slowest = 0;
  for (let shard = 0; shard < experts.length; shard++) {
    if (experts[shard] === 0) continue;
    frames++;
    slowest = Math.max(slowest, cost.expert * experts[shard]! + cost.row * rows[shard]!);
  }
  const away = frames > 0 ? cost.hop + slowest : 0;
  const own = cost.expert * home.experts + cost.row * home.rows;
  return cost.layer + cost.frame * frames + Math.max(away, own);
}
