// A shard in its own thread that counts the calls that reach it, so that a test can block its own thread until one does.
import { parentPort, workerData } from 'node:worker_threads';
import { listen } from '../../rpc/socket/server.ts';
import { createTestShard } from '../experts/shard.ts';

const reached = workerData as Int32Array;
const { service } = await createTestShard();
const run = service.handlers['expert.run'];
if (run === undefined) throw new Error('the service has no expert.run');
const server = await listen({
  handlers: {
    ...service.handlers,
    'expert.run': (params, context) => {
      Atomics.add(reached, 0, 1);
      Atomics.notify(reached, 0);
      return run(params, context);
    },
  },
});
parentPort?.postMessage(server.address);
