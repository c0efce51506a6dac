// Counts how hot each expert is: decayed numbers of rows by layer and expert, and by pairs of experts in consecutive layers.
//
// Counts are not decayed when rows are added. Instead, a row adds a weight that doubles every half-life, and reports divide by the
// current weight.
import { type Assignment, expertsOf, firstSlot, rowCount } from './routing/assignment.ts';

/** An expert of the next layer, and the decayed number of rows that went from one expert of a layer to it. */
export type Successor = readonly [expert: number, rows: number];

export interface HeatReport {
  layers: number;
  /** Number of experts in each layer. */
  experts: number;
  halfLifeSeconds: number;
  /** `[layers * experts]`, rows. A row of one half-life ago counts half. */
  counts: Float64Array;
  /** `[layers * experts]`, rows since the start. */
  totals: Float64Array;
  /** Decayed numbers of steps: `count` steps had more than `rows / 2` and at most `rows` rows. Empty sizes are left out. */
  steps: { rows: number; count: number }[];
  /**
   * `[layers - 1][experts]`: for each expert, the experts of the next layer that got its rows, most rows first, at most
   * `MOST_SUCCESSORS`. Of several experts of a row, only the best one counts. Absent unless requested and counted.
   */
  successors?: Successor[][][];
}

export interface HeatOptions {
  layers: number;
  experts: number;
  halfLifeSeconds?: number;
  /** Successors are not counted if `[layers - 1, experts, experts]` floats need more bytes than this. Default: 64 MiB. */
  successorBytes?: number;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
}

/** Counts one step, layer by layer. */
export interface StepHeat {
  /** Must be called once for each layer, in order, with the same rows in the same order. Rows with mask 0 are not counted. */
  count(layer: number, assignment: Assignment, mask?: Uint8Array): void;
}

/** Most successors of one expert in a report. */
export const MOST_SUCCESSORS = 24;

/** The weight is reset to 1 after this many half-lives, so that sums of float32 do not overflow. */
const MOST_HALF_LIVES = 32;
/** Number of step sizes that are counted separately. The largest size, 2^15 rows, also counts all larger steps. */
const STEP_SIZES = 16;

export class Heat {
  readonly #layers: number;
  readonly #experts: number;
  readonly #halfLifeMs: number;
  readonly #now: () => number;
  /** `[layers, experts]`, sums of weights. */
  readonly #counts: Float64Array;
  /** `[layers, experts]`, rows. */
  readonly #totals: Float64Array;
  /** Sums of weights; entry i: steps of 2^(i-1) + 1 to 2^i rows. */
  readonly #steps = new Float64Array(STEP_SIZES);
  /** `[layers - 1, experts, experts]`, sums of weights by expert and expert of the next layer. */
  readonly #successors: Float32Array | undefined;
  /** The weight that a row adds now. */
  #weight = 1;
  /** The time at which the weight was 1. */
  #since: number;

  constructor({
    layers,
    experts,
    halfLifeSeconds = 600,
    successorBytes = 64 * 2 ** 20,
    now = () => performance.now(),
  }: HeatOptions) {
    if (!(halfLifeSeconds > 0))
      throw new RangeError(`a half-life of ${halfLifeSeconds} s is not possible: it must be above 0`);
    this.#layers = layers;
    this.#experts = experts;
    this.#halfLifeMs = halfLifeSeconds * 1000;
    this.#now = now;
    this.#counts = new Float64Array(layers * experts);
    this.#totals = new Float64Array(layers * experts);
    const pairs = (layers - 1) * experts * experts;
    if (pairs * Float32Array.BYTES_PER_ELEMENT <= successorBytes) this.#successors = new Float32Array(pairs);
    this.#since = now();
  }

  /** Begins a step. Steps may overlap. All rows get the weight that was current when the latest step began. */
  step(): StepHeat {
    this.#weighNow();
    let previous: Assignment | undefined;
    return {
      count: (layer, assignment, mask) => {
        this.#count(layer, assignment, mask, previous);
        previous = assignment;
      },
    };
  }

  report({ successors = false }: { successors?: boolean } = {}): HeatReport {
    this.#weighNow();
    const scale = 1 / this.#weight;
    const report: HeatReport = {
      layers: this.#layers,
      experts: this.#experts,
      halfLifeSeconds: this.#halfLifeMs / 1000,
      counts: this.#counts.map((weights) => weights * scale),
      totals: this.#totals.slice(),
      steps: Array.from(this.#steps, (weights, i) => ({ rows: 2 ** i, count: weights * scale })).filter(
        ({ count }) => count > 0,
      ),
    };
    if (successors && this.#successors !== undefined) report.successors = this.#listSuccessors(scale);
    return report;
  }

  #count(
    layer: number,
    assignment: Assignment,
    mask: Uint8Array | undefined,
    previous: Assignment | undefined,
  ): void {
    const weight = this.#weight;
    const counts = this.#counts;
    const totals = this.#totals;
    const successors = previous === undefined ? undefined : this.#successors;
    const experts = this.#experts;
    const first = layer * experts;
    const pairs = (layer - 1) * experts * experts;
    let rows = 0;
    const all = rowCount(assignment);
    for (let row = 0; row < all; row++) {
      if (mask !== undefined && mask[row] === 0) continue;
      rows++;
      const end = firstSlot(assignment, row + 1);
      for (let slot = firstSlot(assignment, row); slot < end; slot++) {
        const unit = first + assignment.experts[slot]!;
        counts[unit]! += weight;
        totals[unit]!++;
      }
      if (successors === undefined || previous === undefined) continue;
      const [before] = expertsOf(previous, row);
      const [after] = expertsOf(assignment, row);
      // A row may do without any expert in a layer.
      if (before === undefined || after === undefined) continue;
      successors[pairs + before * experts + after]! += weight;
    }
    if (layer === 0 && rows > 0) {
      const size = Math.min(STEP_SIZES - 1, Math.ceil(Math.log2(rows)));
      this.#steps[size]! += weight;
    }
  }

  #weighNow(): void {
    const now = this.#now();
    const halfLives = (now - this.#since) / this.#halfLifeMs;
    if (halfLives < MOST_HALF_LIVES) {
      this.#weight = 2 ** halfLives;
      return;
    }
    const scale = 2 ** -halfLives;
    for (const weights of [this.#counts, this.#steps, this.#successors ?? []]) {
      for (let i = 0; i < weights.length; i++) weights[i]! *= scale;
    }
    this.#weight = 1;
    this.#since = now;
  }

  #listSuccessors(scale: number): Successor[][][] {
    const experts = this.#experts;
    return Array.from({ length: this.#layers - 1 }, (_, layer) =>
      Array.from({ length: experts }, (_, expert) => {
        const from = (layer * experts + expert) * experts;
        const found: Successor[] = [];
        for (let next = 0; next < experts; next++) {
          const weights = this.#successors![from + next]!;
          if (weights > 0) found.push([next, weights * scale]);
        }
        return found.sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, MOST_SUCCESSORS);
      }),
    );
  }
}
