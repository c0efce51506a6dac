// The clients of bench/api/run.ts, in a process of their own: requests one after another, or streams at the same time.
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../http.ts';

export type Job = { url: string; body: object } & (
  | { type: 'requests'; count: number }
  | { type: 'streams'; count: number }
);

/** For `requests`: milliseconds of each request. For `streams`: `[streams][events]`, the time of each event (`now()`). */
export type Done = { requests: number[] } | { streams: number[][] };

/** Pause between two requests, so that the work of one does not overlap the next. */
const PAUSE_MS = 1;

process.on('message', async ({ url, body, type, count }: Job) => {
  const agent = new Agent({ keepAlive: true });
  const send = async (onEvent: (at: number) => void) => {
    const { ending, tail } = await ask(new URL(url), body, { agent, onEvent });
    if (ending !== 'finish') throw new Error(`the answer is not complete: ${tail}`);
  };
  const jobs = {
    requests: async (): Promise<Done> => {
      const requests: number[] = [];
      for (let i = 0; i < count; i++) {
        const from = performance.now();
        await send(() => {});
        requests.push(performance.now() - from);
        await delay(PAUSE_MS);
      }
      return { requests };
    },
    streams: async (): Promise<Done> => {
      const streams = Array.from({ length: count }, (): number[] => []);
      await Promise.all(streams.map((times) => send((at) => void times.push(at))));
      return { streams };
    },
  };
  process.send?.(await jobs[type]());
  agent.destroy();
});
