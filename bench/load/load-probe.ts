// A thread that requests `/health` at a fixed pace and times the answers, undisturbed by the clients. Started with
// {url, everyMs}; a message ends it, and it answers with the milliseconds of each.
import { Agent, get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';

/** Milliseconds; of what failed, how. */
export interface ProbeReport {
  times: number[];
  failures: string[];
}

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const { url, everyMs } = z.object({ url: z.string(), everyMs: z.number() }).parse(workerData);
const report: ProbeReport = { times: [], failures: [] };
const agent = new Agent({ keepAlive: true });

// A slow answer does not delay the next request, because slow phases would otherwise be sampled too rarely.
const timer = setInterval(ask, everyMs);
parent.once('message', () => {
  clearInterval(timer);
  parent.postMessage(report);
  agent.destroy();
});

function ask(): void {
  const sentAt = performance.now();
  const asked = get(url, { agent }, (answer) => {
    answer.resume().on('end', () => {
      if (answer.statusCode === 200) report.times.push(performance.now() - sentAt);
      else report.failures.push(String(answer.statusCode));
    });
  });
  asked.on('error', ({ message }) => report.failures.push(message));
}
