// What is known of the load: rows of every expert of every layer, and which expert follows which. Turns counts into shares.

export interface Heat {
  layers: number;
  /** Experts of each layer. */
  experts: number;
  /** `[layers][experts]`, rows. */
  counts: readonly (readonly number[])[];
  /** `[layers - 1][experts]`: the experts of the next layer to which an expert's rows went, with the number of rows. */
  successors?: readonly (readonly (readonly (readonly [expert: number, rows: number])[])[])[];
}

/** Rows that every expert is assumed to have had before counting, because an expert without rows may still get some. */
const PRIOR_ROWS = 0.5;

/** `[layers][experts]`, each expert's share of the layer's rows; the sum of each layer is 1. */
export function sharesOf({ experts, counts }: Heat): Float64Array[] {
  return counts.map((ofLayer) => {
    const total = ofLayer.reduce((sum, rows) => sum + rows, 0) + PRIOR_ROWS * experts;
    return Float64Array.from(ofLayer, (rows) => (rows + PRIOR_ROWS) / total);
  });
}
