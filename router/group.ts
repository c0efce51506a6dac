// Cuts a step's assignment into frames: one a shard and class of rows, more where a frame would overflow. Pure; knows
// shards as numbers only.
//
// Worked example: rows 0 and 1 want expert 3, row 1 also expert 17; shard 0 owns both:
//   [{ owner: 0, bulk: false, rows: [0, 1], asks: [0, 3,  1, 3,  1, 17], slots: [0, 2, 3] }]     // k = 2, row 0 rank 1 elsewhere
import type { Assignment } from './selection.ts';

export interface Frame {
  /** Index of the shard. */
  owner: number;
  bulk: boolean;
  /** Rows of the step that travel, each once, ascending. */
  rows: number[];
  /** Pairs (index into `rows`, expert). */
  asks: number[];
  /** Where each ask's answer belongs: row of the step * k + rank. */
  slots: number[];
}

export interface Grouping {
  frames: Frame[];
  /** Rows with an expert that nobody owns, and their slots; none of their asks is in a frame. */
  unowned: { row: number; expert: number; slots: number[] }[];
}

export interface GroupOptions {
  assignment: Assignment;
  /** The owner of an expert, the same at every call for the row, or undefined. */
  ownerOf: (expert: number, row: number) => number | undefined;
  limitsOf: (owner: number) => { rows: number; asks: number };
  /** 1 = the row takes part; absent: all do. */
  mask?: Uint8Array;
  /** 1 = a row of a prompt; absent: none is. */
  bulk?: Uint8Array;
  /** Slots that are wanted; absent: all are. */
  only?: ReadonlySet<number>;
}

/** Every (row, rank) that takes part is in exactly one frame, or its row is unowned. Rows keep their order. */
export function group({ assignment, ownerOf, limitsOf, mask, bulk, only }: GroupOptions): Grouping {
  const { k, experts } = assignment;
  const grouping: Grouping = { frames: [], unowned: [] };
  /** The frame being filled, by owner and class of rows. */
  const filling = new Map<number, Frame>();
  for (let row = 0; row * k < experts.length; row++) {
    if (mask !== undefined && mask[row] === 0) continue;
    const slots = slotsOf(row, k, only);
    const orphan = slots.find((slot) => ownerOf(experts[slot]!, row) === undefined);
    if (orphan !== undefined) {
      grouping.unowned.push({ row, expert: experts[orphan]!, slots });
      continue;
    }
    const isBulk = bulk !== undefined && bulk[row] === 1;
    for (const slot of slots) {
      const expert = experts[slot]!;
      const owner = ownerOf(expert, row)!;
      const key = 2 * owner + (isBulk ? 1 : 0);
      let frame = filling.get(key);
      if (frame === undefined || !fits(frame, row, limitsOf(owner))) {
        frame = { owner, bulk: isBulk, rows: [], asks: [], slots: [] };
        filling.set(key, frame);
        grouping.frames.push(frame);
      }
      if (frame.rows.at(-1) !== row) frame.rows.push(row);
      frame.asks.push(frame.rows.length - 1, expert);
      frame.slots.push(slot);
    }
  }
  return grouping;
}

function slotsOf(row: number, k: number, only: ReadonlySet<number> | undefined): number[] {
  const slots = Array.from({ length: k }, (_, rank) => row * k + rank);
  return only === undefined ? slots : slots.filter((slot) => only.has(slot));
}

function fits({ rows, slots }: Frame, row: number, limits: { rows: number; asks: number }): boolean {
  return slots.length < limits.asks && (rows.at(-1) === row || rows.length < limits.rows);
}
