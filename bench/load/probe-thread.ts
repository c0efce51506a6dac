// Entry of the thread of `startProbe`. When the thread receives a message, it ends the probe and sends back a `ProbeReport`.
import { Agent, get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import type { ProbeReport } from './probe.ts';

const parent = parentPort!;
const { url, everyMs }: { url: string; everyMs: number } = workerData;
const report: ProbeReport = { times: [], failures: [] };
const agent = new Agent({ keepAlive: true });

// A slow answer does not delay the next request. Otherwise there would be too few samples of slow phases.
const timer = setInterval(sample, everyMs);
parent.once('message', () => {
  clearInterval(timer);
  parent.postMessage(report);
  agent.destroy();
});

function sample(): void {
  const sentAt = performance.now();
  const asked = get(url, { agent }, (answer) => {
    answer.resume().on('end', () => {
      if (answer.statusCode === 200) report.times.push(performance.now() - sentAt);
      else report.failures.push(String(answer.statusCode));
    });
  });
  asked.on('error', ({ message }) => report.failures.push(message));
}
