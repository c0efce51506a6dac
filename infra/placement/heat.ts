// The load of a model: the number of rows of each expert, and which experts of the next layer get the same rows. Computes shares.

export interface Heat {
  layers: number;
  /** Number of experts in each layer. */
  experts: number;
  /** `[layers][experts]`, rows. */
  counts: readonly (readonly number[])[];
  /** `[layers - 1][experts]`: the experts of the next layer that got an expert's rows, with the number of rows. */
  successors?: readonly (readonly (readonly (readonly [expert: number, rows: number])[])[])[];
}

/** Added to the rows of every expert, because an expert without counted rows may still get some. */
const PRIOR_ROWS = 0.5;

/** `[layers][experts]`, each expert's share of the layer's rows; the sum of each layer is 1. */
export function sharesOf({ experts, counts }: Heat): Float64Array[] {
  return counts.map((ofLayer) => {
    const total = ofLayer.reduce((sum, rows) => sum + rows, 0) + PRIOR_ROWS * experts;
    return Float64Array.from(ofLayer, (rows) => (rows + PRIOR_ROWS) / total);
  });
}
