// Jobs that run after the tests of the current file. Support modules cannot register `afterAll` themselves: test
// files share a worker and its modules, so a hook at the top of a module would run after one file only.
type Job = () => Promise<unknown>;

const jobs: Job[] = [];

/** Runs `job` once, after all tests and hooks of the current file. Jobs run one by one, the last added first. */
export function afterFile(job: Job): void {
  jobs.push(job);
}

/** Only for setup.ts. Runs every job, and then throws the first error. */
export async function runAfterFile(): Promise<void> {
  const errors: unknown[] = [];
  for (const job of jobs.splice(0).reverse()) await job().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}
