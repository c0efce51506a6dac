// Sorts the asks of a run, which are pairs (row, expert), by expert, so that devices run each expert once over all its rows.
// Pure.
//
// Worked example: rows 0 and 1 of x, row 0 for experts 17 and 3, row 1 for expert 3:
//   asks   = [0, 17,  0, 3,  1, 3]
//   sorted = { experts: [3, 17], counts: [2, 1], places: [0, 1,  1, 2,  0, 0] }     // places: (row of x, index of the pair)
import type { Rows } from './dense.ts';

interface SortedAsks {
  /** Each expert once, ascending. */
  experts: number[];
  /** Number of pairs of each expert. */
  counts: Int32Array;
  /** `[m, 2]`: row of x and index of the pair, sorted by expert and then by index. */
  places: Int32Array;
}

/** `asks [m, 2]` are pairs (row, expert), m ≥ 1. */
export function sortAsks(asks: Uint16Array): SortedAsks {
  let highest = 0;
  for (let i = 1; i < asks.length; i += 2) if (asks[i]! > highest) highest = asks[i]!;
  const ends = new Int32Array(highest + 1);
  for (let i = 1; i < asks.length; i += 2) ends[asks[i]!]!++;
  const experts: number[] = [];
  let at = 0;
  for (let expert = 0; expert <= highest; expert++) {
    const count = ends[expert]!;
    if (count > 0) experts.push(expert);
    ends[expert] = at;
    at += count;
  }
  const places = new Int32Array(asks.length);
  for (let ask = 0; 2 * ask < asks.length; ask++) {
    const place = ends[asks[2 * ask + 1]!]!++;
    places[2 * place] = asks[2 * ask]!;
    places[2 * place + 1] = ask;
  }
  // `ends[expert]` is now the index after the expert's last place, and so the index of the next expert's first place.
  const counts = Int32Array.from(experts, (expert, i) => {
    return ends[expert]! - (i === 0 ? 0 : ends[experts[i - 1]!]!);
  });
  return { experts, counts, places };
}

export interface ExpertGroup {
  expert: number;
  /** `[n, hidden]`, n ≥ 1. */
  rows: Rows;
}

/**
 * For devices that need an expert's rows in consecutive memory. `run` gets one group for each expert, ascending, and returns the
 * answers of each group. The result has the answers in the order of the asks, `[m, hidden]`. Throws if a group's answer has
 * another number of rows than the group.
 */
export async function runByExpert(
  x: Rows,
  asks: Uint16Array,
  hidden: number,
  run: (groups: ExpertGroup[]) => Promise<Rows[]>,
): Promise<Rows> {
  const { experts, counts, places } = sortAsks(asks);
  const sorted = new Float32Array((asks.length / 2) * hidden);
  for (let i = 0; 2 * i < places.length; i++) {
    const row = places[2 * i]!;
    sorted.set(x.subarray(row * hidden, (row + 1) * hidden), i * hidden);
  }
  let end = 0;
  const groups = experts.map((expert, i) => {
    end += counts[i]! * hidden;
    return { expert, rows: sorted.subarray(end - counts[i]! * hidden, end) };
  });
  const outputs = await run(groups);
  const answers = new Float32Array(sorted.length);
  let place = 0;
  for (const [i, { expert, rows }] of groups.entries()) {
    const output = outputs[i];
    if (output?.length !== rows.length) {
      throw new Error(
        `the device answered expert ${expert} with ${output?.length} floats for ${rows.length}`,
      );
    }
    for (let at = 0; at < output.length; at += hidden, place++) {
      answers.set(output.subarray(at, at + hidden), places[2 * place + 1]! * hidden);
    }
  }
  return answers;
}
