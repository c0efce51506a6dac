// Writes to the port that it is given as fast as it can, and then resets the connection.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';

const { port, ms } = workerData as { port: number; ms: number };
const socket = connect(port, '127.0.0.1').on('error', () => {});
await once(socket, 'connect');
const until = performance.now() + ms;
while (performance.now() < until) {
  if (!socket.write(Buffer.alloc(300_000, 1))) await Promise.race([once(socket, 'drain'), delay(100)]);
}
socket.resetAndDestroy();
