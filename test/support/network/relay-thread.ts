// Starts a relay in a thread of its own, for tests whose main thread computes for long. In that main thread, the relay's delays
// would last until a computation ends.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Address } from '../../../rpc/address.ts';
import type { Relay, RelayOptions } from './relay.ts';

/** Messages to the thread. It answers `state` with a RelayState, and nothing else. */
export type RelayCommand =
  | { type: 'cut' | 'silence' | 'state' | 'close' }
  | { type: 'garble'; bytes: Uint8Array }
  | { type: 'retarget'; to: Address };

export type RelayState = Pick<Relay, 'connections' | 'silent'>;

/** The methods of a relay return before they take effect. `state` is the state after all earlier calls have taken effect. */
export interface RelayThread extends Pick<Relay, 'address' | 'cut' | 'silence' | 'garble' | 'retarget'> {
  state(): Promise<RelayState>;
  close(): Promise<void>;
}

export async function startRelayThread(options: RelayOptions): Promise<RelayThread> {
  const worker = new Worker(new URL('./relay-worker.ts', import.meta.url), { workerData: options });
  const [address] = (await once(worker, 'message')) as [Address];
  const asked: ((state: RelayState) => void)[] = [];
  worker.on('message', (state: RelayState) => asked.shift()?.(state));
  const tell = (command: RelayCommand) => worker.postMessage(command);
  return {
    address,
    cut: () => tell({ type: 'cut' }),
    silence: () => tell({ type: 'silence' }),
    garble: (bytes) => tell({ type: 'garble', bytes }),
    retarget: (to) => tell({ type: 'retarget', to }),
    state() {
      tell({ type: 'state' });
      return new Promise((resolve) => asked.push(resolve));
    },
    async close() {
      const ended = once(worker, 'exit');
      tell({ type: 'close' });
      await ended;
    },
  };
}
