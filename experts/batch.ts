// Joins several calls into one run of a layer, and splits the answers between the calls. Pure. An ask is a pair (row, expert).
//
// Worked example: job A asks experts 3 and 17 for its row 0, and job B asks expert 3 for its row 0:
//   joined = { rows: [A0, B0], asks: [0, 3,  0, 17,  1, 3] }
//   split  → A: [y3(A0), y17(A0)], B: [y3(B0)]                    // y3(A0): the answer of expert 3 to row A0

export interface Asked {
  /** `[n, hidden]` */
  rows: Float32Array;
  /** `[m, 2]`: pairs (row, expert) */
  asks: Uint16Array;
}

/** Concatenates the rows and the asks of all jobs. Row numbers continue from job to job. A single job is returned unchanged. */
export function joinAsks(jobs: readonly Asked[], hidden: number): Asked {
  if (jobs.length === 1) return jobs[0]!;
  const rows = new Float32Array(jobs.reduce((sum, job) => sum + job.rows.length, 0));
  const asks = new Uint16Array(jobs.reduce((sum, job) => sum + job.asks.length, 0));
  let row = 0;
  let at = 0;
  for (const job of jobs) {
    rows.set(job.rows, row * hidden);
    for (let i = 0; i < job.asks.length; i += 2) {
      asks[at++] = row + job.asks[i]!;
      asks[at++] = job.asks[i + 1]!;
    }
    row += job.rows.length / hidden;
  }
  return { rows, asks };
}

/** Views of `answers [asks, hidden]`, one for each job. Throws if `answers` does not have one row for each ask. */
export function splitAnswers(
  jobs: readonly Pick<Asked, 'asks'>[],
  answers: Float32Array,
  hidden: number,
): Float32Array[] {
  const wanted = jobs.reduce((sum, { asks }) => sum + (asks.length / 2) * hidden, 0);
  if (answers.length !== wanted) {
    throw new Error(`the device returned ${answers.length} floats instead of ${wanted}`);
  }
  let end = 0;
  return jobs.map(({ asks }) => {
    const length = (asks.length / 2) * hidden;
    end += length;
    return answers.subarray(end - length, end);
  });
}
