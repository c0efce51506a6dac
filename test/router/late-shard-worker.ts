// A shard in its own thread that counts the calls that reach it, so that a test can block its own thread until one does.
import { parentPort, workerData } from 'node:worker_threads';
import type { TlsMaterial } from '../../rpc/security/tls.ts';
import { listen } from '../../rpc/socket/server.ts';
import { createTestShard } from '../experts/shard.ts';

export interface LateShardData {
  /** Number of calls that have reached the shard. */
  reached: Int32Array;
  /** Undefined: connections are plain. */
  material: TlsMaterial | undefined;
}

const { reached, material } = workerData as LateShardData;
const { service } = await createTestShard();
const run = service.handlers['expert.run'];
if (run === undefined) throw new Error('the service has no expert.run');
const server = await listen({
  ...(material && { security: { tls: { material: () => material, peers: ['gateway-*'] } } }),
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
