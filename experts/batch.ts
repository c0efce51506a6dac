// Joins the asks of several callers into one group of rows an expert, and splits the answers again. Pure.
//
// Worked example: job A asks row 0 of experts 3 and 17, job B its row 0 of expert 3:
//   groups = [{ expert: 3, rows: [A0, B0] }, { expert: 17, rows: [A0] }]
//   split  → A: [y3(A0), y17(A0)], B: [y3(B0)]
import type { ExpertGroup } from '../model/devices/expert.ts';

export interface Asked {
  /** `[n, hidden]` */
  rows: Float32Array;
  /** `[m, 2]`: (row, expert) */
  asks: Uint16Array;
}

/** One group for each expert asked for, in ascending order; its rows in the order of the jobs and their asks. */
export function joinAsks(jobs: readonly Asked[], hidden: number): ExpertGroup[] {
  const counts = new Map<number, number>();
  eachAsk(jobs, (_job, _row, expert) => counts.set(expert, (counts.get(expert) ?? 0) + 1));
  const groups = new Map<number, ExpertGroup>();
  for (const expert of [...counts.keys()].sort((a, b) => a - b)) {
    groups.set(expert, { expert, rows: new Float32Array((counts.get(expert) ?? 0) * hidden) });
  }
  const filled = new Map<number, number>();
  eachAsk(jobs, (job, row, expert) => {
    const at = filled.get(expert) ?? 0;
    groups.get(expert)?.rows.set(job.rows.subarray(row * hidden, (row + 1) * hidden), at * hidden);
    filled.set(expert, at + 1);
  });
  return [...groups.values()];
}

/** Each job's answer rows `[m, hidden]` in the order of its asks. `outputs` are in the order of `groups`. */
export function splitAnswers(
  jobs: readonly Asked[],
  groups: readonly ExpertGroup[],
  outputs: readonly Float32Array[],
  hidden: number,
): Float32Array[] {
  const outputOf = new Map(groups.map(({ expert }, i) => [expert, outputs[i]]));
  for (const { expert, rows } of groups) {
    const length = outputOf.get(expert)?.length;
    if (length !== rows.length) {
      throw new Error(`the device answered expert ${expert} with ${length} floats for ${rows.length}`);
    }
  }
  const taken = new Map<number, number>();
  const answers = new Map(jobs.map((job) => [job, new Float32Array((job.asks.length / 2) * hidden)]));
  eachAsk(jobs, (job, _row, expert, ask) => {
    const at = taken.get(expert) ?? 0;
    const answer = outputOf.get(expert)?.subarray(at * hidden, (at + 1) * hidden);
    if (answer !== undefined) answers.get(job)?.set(answer, ask * hidden);
    taken.set(expert, at + 1);
  });
  return [...answers.values()];
}

/** Both directions walk the asks in this one order; that is what brings each answer back to its ask. */
function eachAsk<J extends Asked>(
  jobs: readonly J[],
  visit: (job: J, row: number, expert: number, ask: number) => void,
): void {
  for (const job of jobs) {
    for (let ask = 0; 2 * ask < job.asks.length; ask++)
      visit(job, job.asks[2 * ask]!, job.asks[2 * ask + 1]!, ask);
  }
}
