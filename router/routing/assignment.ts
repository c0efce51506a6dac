// The experts of a layer's rows, and which slot belongs to which row. A slot is one row's call of one expert. Pure.
//
// Worked example: row 0 has experts 3 and 40, row 1 has expert 17:
//   { k: 2, experts: [3, 40, 17], weights: […], starts: [0, 2, 3] }

export interface Assignment {
  /** Number of experts for each row. With `starts`, the largest number. */
  k: number;
  /** `[slots]`, row after row, the best expert of each row first, or in the order of the prototypes if there are any. Without `starts`, `[rows, k]`. */
  experts: Uint16Array;
  /** `[slots]` */
  weights: Float32Array;
  /** `[rows + 1]`, the first slot of each row, and at the end the number of slots. Absent: row `r` begins at slot `r * k`. */
  starts?: Uint32Array;
}

type Slots = Pick<Assignment, 'k' | 'starts'>;

export function rowCount({ k, experts, starts }: Pick<Assignment, 'k' | 'experts' | 'starts'>): number {
  return starts === undefined ? experts.length / k : starts.length - 1;
}

/** The row's first slot, or the slot after the last one if `row` is the number of rows. */
export function firstSlot({ k, starts }: Slots, row: number): number {
  return starts === undefined ? row * k : starts[row]!;
}

/** The row of a slot. */
export function rowOf({ k, starts }: Slots, slot: number): number {
  if (starts === undefined) return Math.floor(slot / k);
  let [low, high] = [0, starts.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= slot) low = middle;
    else high = middle;
  }
  return low;
}

/** The row's experts, as a view of the assignment. */
export function expertsOf({ k, experts, starts }: Assignment, row: number): Uint16Array {
  return experts.subarray(firstSlot({ k, starts }, row), firstSlot({ k, starts }, row + 1));
}
