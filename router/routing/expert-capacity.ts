// Expert capacity (M6-T, arXiv 2105.15082): each expert of a layer takes only so many rows of a prompt, in the order of their positions.
// Later rows do without that expert. Rows of generated tokens are not limited.
//
// Worked example: a prompt of 6 tokens, 4 experts, k = 1 and a factor of 1. Each expert takes capacity(6, 1, 4, 1) = 2 rows:
//   rows use the experts [3, 3, 0, 3, 3, 1] → rows 3 and 4 have no expert, and 2 calls are dropped
import { type Assignment, firstSlot, rowCount } from './assignment.ts';

/** Products of a factor with digits after the point, such as 10 * 1.1, may be this much above the whole number that is meant. */
const ROUNDING = 1e-12;

/** Most rows of a prompt of `tokens` tokens that an expert of a layer takes, if each token uses `k` of `experts`. At least 1. */
export function capacity(tokens: number, k: number, experts: number, factor: number): number {
  const even = (tokens * k) / experts;
  return Math.max(1, Math.ceil(even * factor * (1 - ROUNDING)));
}

/** What the experts have taken of one prompt. Its rows come in the order of their positions, in any number of steps. */
export class PromptCapacity {
  /** Calls of experts that were dropped so far. */
  dropped = 0;
  readonly #experts: number;
  /** `[layers]`, most rows of an expert. */
  readonly #most: readonly number[];
  /** `[layers, experts]`, rows so far. */
  readonly #taken: Uint32Array;

  /** `ks [layers]` are the numbers of experts of a token. */
  constructor(factor: number, tokens: number, { experts, ks }: { experts: number; ks: readonly number[] }) {
    this.#experts = experts;
    this.#most = ks.map((k) => capacity(tokens, k, experts, factor));
    this.#taken = new Uint32Array(ks.length * experts);
  }

  /** Whether the expert takes the prompt's next row. Counts the row as taken or dropped. */
  take(layer: number, expert: number): boolean {
    const unit = layer * this.#experts + expert;
    if (this.#taken[unit]! >= this.#most[layer]!) {
      this.dropped++;
      return false;
    }
    this.#taken[unit]!++;
    return true;
  }
}

/** Rows of a step that belong to a prompt with a capacity. */
export interface LimitedRows {
  first: number;
  count: number;
  prompt: PromptCapacity;
}

/** The assignment of a layer without the calls that experts do not take. Other rows keep all their experts. */
export function withinCapacity(
  assignment: Assignment,
  layer: number,
  limited: readonly LimitedRows[],
): Assignment {
  const drops = new Set<number>();
  for (const { first, count, prompt } of limited) {
    const end = firstSlot(assignment, first + count);
    for (let slot = firstSlot(assignment, first); slot < end; slot++)
      if (!prompt.take(layer, assignment.experts[slot]!)) drops.add(slot);
  }
  return drops.size === 0 ? assignment : without(assignment, drops);
}

function without(assignment: Assignment, drops: ReadonlySet<number>): Assignment {
  const isKept = (_: number, slot: number) => !drops.has(slot);
  const rows = rowCount(assignment);
  const starts = new Uint32Array(rows + 1);
  let kept = 0;
  for (let row = 0; row < rows; row++) {
    const end = firstSlot(assignment, row + 1);
    for (let slot = firstSlot(assignment, row); slot < end; slot++) if (!drops.has(slot)) kept++;
    starts[row + 1] = kept;
  }
  const { k, experts, weights } = assignment;
  return { k, experts: experts.filter(isKept), weights: weights.filter(isKept), starts };
}
