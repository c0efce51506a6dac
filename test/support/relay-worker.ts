// The thread's side of relay-thread.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { type RelayOptions, startRelay } from './relay.ts';

const { address } = await startRelay(workerData as RelayOptions);
parentPort?.postMessage(address);
