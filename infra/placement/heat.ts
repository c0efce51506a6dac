// What is known of the load: rows of every (layer, expert) and who follows whom. Types, and counts made shares.

export interface Heat {
  layers: number;
  /** Experts of each layer. */
  experts: number;
  /** `[layers][experts]`, rows. */
  counts: readonly (readonly number[])[];
  /** `[layers - 1][experts]`: experts of the next layer that took an expert's rows, with the number of rows. */
  successors?: readonly (readonly (readonly (readonly [expert: number, rows: number])[])[])[];
}

/** Rows that every expert is taken to have had before any was counted: one never seen may still be asked for. */
const PRIOR_ROWS = 0.5;

/** `[layers][experts]`, of a layer's rows; each layer's sum is 1. */
export function sharesOf({ experts, counts }: Heat): Float64Array[] {
  return counts.map((ofLayer) => {
    const total = ofLayer.reduce((sum, rows) => sum + rows, 0) + PRIOR_ROWS * experts;
    return Float64Array.from(ofLayer, (rows) => (rows + PRIOR_ROWS) / total);
  });
}
