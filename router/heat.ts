// How hot each expert is: rows by (layer, expert), and which expert follows which from layer to layer, decayed. Knows no
// shards and no tokens; the clock is given.
//
// Nothing is decayed when it is counted: a row adds a weight that doubles every half-life, and whoever reads divides by
// what the weight is by then.
import type { Assignment } from './selection.ts';

/** Rows of the step so far counted, `[expert, rows]`. */
export type Successor = readonly [expert: number, rows: number];

export interface HeatReport {
  layers: number;
  /** Experts of each layer. */
  experts: number;
  halfLifeSeconds: number;
  /** `[layers * experts]`, rows, those of one half-life ago by half. */
  counts: Float64Array;
  /** `[layers * experts]`, rows since the start. */
  totals: Float64Array;
  /** Decayed numbers of steps with at most so many rows and more than half as many; only those that were met. */
  steps: { rows: number; count: number }[];
  /**
   * `[layers - 1][experts]`: which experts of the next layer took the rows of an expert, most first, decayed; at most
   * `mostSuccessors` each. For k > 1 of each row's best expert. Absent where it was not asked for or is not kept.
   */
  successors?: Successor[][][];
}

export interface HeatOptions {
  layers: number;
  experts: number;
  halfLifeSeconds?: number;
  /** Most bytes for `[layers - 1, experts, experts]` floats; a model that needs more is counted without successors. */
  successorBytes?: number;
  /** Milliseconds that only grow. */
  now?: () => number;
}

/** One step on its way through the layers. */
export interface StepHeat {
  /** To be called once a layer, in order; rows keep their numbers through a step. Rows with mask 0 are not counted. */
  count(layer: number, assignment: Assignment, mask?: Uint8Array): void;
}

/** Of one expert, in a report. */
export const mostSuccessors = 24;

/** Weights are brought back to 1 after so many half-lives: sums of float32 stay far from their largest. */
const MOST_HALF_LIVES = 32;
/** Steps of up to 2^15 rows and more. */
const STEP_SIZES = 16;

export class Heat {
  readonly #layers: number;
  readonly #experts: number;
  readonly #halfLifeMs: number;
  readonly #now: () => number;
  /** `[layers, experts]`, in weights. */
  readonly #counts: Float64Array;
  /** `[layers, experts]`, in rows. */
  readonly #totals: Float64Array;
  /** In weights; entry i: steps of 2^(i-1) + 1 to 2^i rows. */
  readonly #steps = new Float64Array(STEP_SIZES);
  /** `[layers - 1, experts, experts]`, in weights: from an expert to one of the next layer. */
  readonly #successors: Float32Array | undefined;
  /** What a row adds now, and when it added 1. */
  #weight = 1;
  #since: number;

  constructor({
    layers,
    experts,
    halfLifeSeconds = 600,
    successorBytes = 64 * 2 ** 20,
    now = () => performance.now(),
  }: HeatOptions) {
    if (!(halfLifeSeconds > 0)) throw new RangeError(`a half-life of ${halfLifeSeconds} s is none`);
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

  /** Steps may overlap. The weight is that of the latest one's beginning. */
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
    { k, experts: chosen }: Assignment,
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
    for (let row = 0, slot = 0; slot < chosen.length; row++, slot += k) {
      if (mask !== undefined && mask[row] === 0) continue;
      rows++;
      for (let rank = 0; rank < k; rank++) {
        const unit = first + chosen[slot + rank]!;
        counts[unit]! += weight;
        totals[unit]!++;
      }
      if (successors === undefined || previous === undefined) continue;
      successors[pairs + previous.experts[row * previous.k]! * experts + chosen[slot]!]! += weight;
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
        return found.sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, mostSuccessors);
      }),
    );
  }
}
