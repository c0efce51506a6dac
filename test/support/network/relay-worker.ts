// Entry of the thread that relay-thread.ts starts: runs a relay and obeys messages.
import { parentPort, workerData } from 'node:worker_threads';
import { type RelayOptions, startRelay } from './relay.ts';
import type { RelayCommand, RelayState } from './relay-thread.ts';

const relay = await startRelay(workerData as RelayOptions);
parentPort?.on('message', obey);
parentPort?.postMessage(relay.address);

function obey(command: RelayCommand): void {
  if (command.type === 'garble') relay.garble(command.bytes);
  else if (command.type === 'retarget') relay.retarget(command.to);
  else if (command.type === 'cut') relay.cut();
  else if (command.type === 'silence') relay.silence();
  else if (command.type === 'close') void relay.close().then(() => parentPort?.close());
  else {
    const { connections, silent } = relay;
    parentPort?.postMessage({ connections, silent } satisfies RelayState);
  }
}
