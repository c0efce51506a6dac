// A peer in its own thread, so that a test can block its own thread or end the peer during a call.
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { listen } from '../../rpc/socket/server.ts';

const answered = workerData as Int32Array;
const server = await listen({
  handlers: {
    hello: async () => ({ instance: 'worker' }),
    async after(params) {
      await delay(Number(params.ms));
      // The answer is written before the next turn of the loop.
      setImmediate(() => {
        Atomics.add(answered, 0, 1);
        Atomics.notify(answered, 0);
      });
      return params;
    },
  },
});
parentPort?.postMessage(server.address);
