// Cuts a step's assignment into frames: one for each shard and kind of rows (decode or prefill), or several if a frame would exceed
// the shard's limits. Pure.
//
// Worked example: k = 2. Row 0 uses experts 3 and 40, row 1 uses experts 3 and 17. Shard 0 owns 3 and 17, shard 1 owns 40:
//   [{ owner: 0, prefill: false, rows: [0, 1], asks: [0, 3,  1, 3,  1, 17], slots: [0, 2, 3] }, { owner: 1, … }]
import { type Assignment, firstSlot, rowCount } from './routing/assignment.ts';

export interface Frame {
  /** Number of the shard. */
  owner: number;
  prefill: boolean;
  /** Numbers of the step's rows in the frame, each once, ascending. */
  rows: number[];
  /** Pairs (index into `rows`, expert). */
  asks: number[];
  /** The slot of each pair in `asks`. */
  slots: number[];
}

export interface Grouping {
  frames: Frame[];
  /** All slots of each row in which some expert has no owner. No frame contains them. */
  unserved: number[];
}

export interface GroupOptions {
  assignment: Assignment;
  /** The owner of an expert for a row; undefined if it has none. */
  ownerOf: (expert: number, row: number) => number | undefined;
  limitsOf: (owner: number) => { rows: number; asks: number };
  /** `[rows]`, 1 if the row takes part; undefined: all rows take part. */
  mask?: Uint8Array | undefined;
  /** `[rows]`, 1 for prefill rows; undefined: there are no prefill rows. */
  prefill?: Uint8Array | undefined;
  /** The slots to group; undefined: all slots. */
  only?: ReadonlySet<number> | undefined;
}

/** Puts every slot into exactly one frame, or leaves all slots of its row unserved. Rows keep their order. */
export function group({ assignment, ownerOf, limitsOf, mask, prefill, only }: GroupOptions): Grouping {
  const { experts } = assignment;
  const rows = rowCount(assignment);
  const grouping: Grouping = { frames: [], unserved: [] };
  /** By owner and kind of rows: the frame that is being filled. */
  const filling: (Frame | undefined)[] = [];
  /** By rank: the owner of the row's expert. */
  const owners: number[] = [];
  for (let row = 0; row < rows; row++) {
    if (mask !== undefined && mask[row] === 0) continue;
    const first = firstSlot(assignment, row);
    const end = firstSlot(assignment, row + 1);
    let isServed = true;
    for (let slot = first; slot < end && isServed; slot++) {
      if (only?.has(slot) === false) continue;
      const owner = ownerOf(experts[slot]!, row);
      if (owner === undefined) isServed = false;
      else owners[slot - first] = owner;
    }
    const isPrefill = prefill !== undefined && prefill[row] === 1;
    for (let slot = first; slot < end; slot++) {
      if (only?.has(slot) === false) continue;
      if (!isServed) {
        grouping.unserved.push(slot);
        continue;
      }
      const owner = owners[slot - first]!;
      const key = 2 * owner + (isPrefill ? 1 : 0);
      let frame = filling[key];
      if (frame === undefined || !fits(frame, row, limitsOf(owner))) {
        frame = { owner, prefill: isPrefill, rows: [], asks: [], slots: [] };
        filling[key] = frame;
        grouping.frames.push(frame);
      }
      if (frame.rows.at(-1) !== row) frame.rows.push(row);
      frame.asks.push(frame.rows.length - 1, experts[slot]!);
      frame.slots.push(slot);
    }
  }
  return grouping;
}

function fits({ rows, slots }: Frame, row: number, limits: { rows: number; asks: number }): boolean {
  return slots.length < limits.asks && (rows.at(-1) === row || rows.length < limits.rows);
}
