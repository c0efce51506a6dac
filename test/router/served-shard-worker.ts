// A shard in its own thread, so that an exchange in the test's thread does not keep it from answering.
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { listen } from '../../rpc/socket/server.ts';
import { createServedShard, servedUnits } from '../experts/served.ts';

export interface ServedShardData {
  experts: number[];
  /** 0: the addon serves calls. Otherwise only JavaScript does, after this time. */
  delayMs: number;
}

const { experts, delayMs } = workerData as ServedShardData;
const units = servedUnits.filter(({ expert }) => experts.includes(expert));
const { service } = await createServedShard(units);
const run = service.handlers['expert.run'];
if (run === undefined) throw new Error('the service has no expert.run');
const server = await listen({
  ...(delayMs === 0 && { serving: service.serve() }),
  handlers: {
    ...service.handlers,
    'expert.run': async (params, context) => {
      await delay(delayMs);
      return run(params, context);
    },
  },
});
parentPort?.postMessage(server.address);
