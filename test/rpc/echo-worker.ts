// A peer in a thread of its own, so that a test's thread can be blocked, or the peer be gone, in the middle of a call.
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import { listen } from '../../rpc/server.ts';

const server = await listen({
  handlers: {
    hello: async () => ({ instance: 'worker' }),
    async after(params) {
      await delay(Number(params.ms));
      return params;
    },
  },
});
parentPort?.postMessage(server.address);
