// Requests `/health` at a fixed rate and times the answers, in a thread of its own that the clients do not delay.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface ProbeReport {
  /** Milliseconds of each answer with status 200. */
  times: number[];
  /** Status or error message of every other answer. */
  failures: string[];
}

/** `url` is the URL of the gateway. */
export function startProbe(url: string, everyMs: number): { end(): Promise<ProbeReport> } {
  const workerData = { url: new URL('/health', url).href, everyMs };
  const thread = new Worker(new URL('./probe-thread.ts', import.meta.url), { workerData });
  return {
    async end() {
      const reported = once(thread, 'message');
      thread.postMessage('end');
      const [report] = await reported;
      return report;
    },
  };
}
