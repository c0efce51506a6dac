// A relay in a thread of its own, for tests whose thread computes: what it delays must not wait for a step's end.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Address } from '../../rpc/address.ts';
import type { RelayOptions } from './relay.ts';

export interface RelayThread {
  readonly address: Address;
  close(): Promise<void>;
}

export async function startRelayThread(options: RelayOptions): Promise<RelayThread> {
  const worker = new Worker(new URL('./relay-worker.ts', import.meta.url), { workerData: options });
  const [address] = (await once(worker, 'message')) as [Address];
  return {
    address,
    async close() {
      await worker.terminate();
    },
  };
}
