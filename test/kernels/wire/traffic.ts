// Sends tens of thousands of valid, broken, split, pipelined and cancelled calls to a served shard, over connections that it opens and
// cuts, while a worker exchanges frames with the shard. sanitize.long.test.ts runs this with a build of the addon with sanitizers.
// Needs --expose-gc. Arguments: seed, number of frames.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { encodeMessage } from '../../../rpc/codec.ts';
import type { Message } from '../../../rpc/messages.ts';
import { rowsToBytes, uint16ToBytes } from '../../../rpc/rows.ts';
import { listen } from '../../../rpc/socket/server.ts';
import { createServedShard, servedModel as model, servedUnits } from '../../experts/served.ts';
import { framed } from '../../rpc/framed.ts';
import { type FastCall, fastCall } from '../../support/network/fast-frames.ts';
import { uniform } from '../../support/random.ts';

const [seed = '1', most = '1000'] = process.argv.slice(2);
const { hidden, layers, experts } = model;
const next = uniform(Number(seed));
const below = (limit: number) => Math.floor(next() * limit);
const turn = () => new Promise((resolve) => setImmediate(resolve));

const { service } = await createServedShard(servedUnits);
// Small frames, so that a caller that does not read is soon cut.
const server = await listen({
  handlers: service.handlers,
  serving: service.serve(),
  maxFrameBytes: 200_000,
  maxConnections: 1_000,
});
const { port } = server.address;

const send = (message: Message) => framed(encodeMessage(message));
const hello = { protocol: 1, role: 'gateway', version: 'traffic' };
const helloFrame = send({ type: 'request', id: 999_999, method: 'hello', params: hello });

function slowCall({ id, asks, rows, ...fields }: FastCall): Buffer {
  const bytes = { rows: rowsToBytes(rows), asks: uint16ToBytes(Uint16Array.from(asks)) };
  return send({
    type: 'request',
    id,
    method: 'expert.run',
    params: { ...fields, dtype: 'f32', ...bytes },
  });
}

let lastId = 0;
function call(): FastCall {
  const rows = 1 + below(next() < 0.1 ? 64 : 4);
  const asks = Array.from({ length: 1 + below(next() < 0.1 ? 150 : 6) }, () => [below(rows), below(experts)]);
  return {
    id: next() < 0.95 ? ++lastId : Math.max(0, lastId - below(20)), // some ids are in use
    model: model.identity,
    layer: below(layers),
    priority: below(2),
    epoch: 1,
    deadlineMs: next() < 0.3 ? 1 : 60_000,
    asks: asks.flat(),
    rows: Float32Array.from({ length: rows * hidden }, () => (next() < 1e-5 ? Number.NaN : next() - 0.5)),
  };
}

function broken(bytes: Buffer): Buffer {
  for (let i = below(4); i >= 0; i--) bytes[below(next() < 0.9 ? 150 : bytes.length)] = below(256);
  return bytes;
}

let frames = 0;
function frame(): Buffer {
  frames++;
  const kind = next();
  if (kind < 0.7) return fastCall(call());
  if (kind < 0.78) return slowCall(call());
  if (kind < 0.9)
    return send({ type: 'notification', method: 'cancel', params: { id: Math.max(0, lastId - below(9)) } });
  if (kind < 0.95) return send({ type: 'request', id: ++lastId, method: 'ping', params: {} });
  return broken(fastCall(call()));
}

/** A late call under the id of a call that still runs: the shard refuses it, and drops the calls behind it. */
function idInUse(): Buffer {
  const rows = new Float32Array(64 * hidden);
  const asks = Array.from({ length: 512 }, (_, i) => [i % 64, i % experts]).flat();
  const usual = { ...call(), deadlineMs: 60_000, asks: [0, 0], rows: rows.subarray(0, hidden) };
  const long = () => ({ ...usual, id: ++lastId, asks, rows });
  const slow = [long(), long(), long(), { ...usual, id: ++lastId }];
  const late = { ...usual, id: lastId, deadlineMs: 1, priority: 1 };
  const behind = Array.from({ length: 5 }, () => ({ ...usual, id: ++lastId, priority: 1 }));
  frames += 11;
  return Buffer.concat([...slow.map(slowCall), ...[long(), long(), late, ...behind].map(fastCall)]);
}

async function connected(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {}); // the shard cuts callers that send broken frames
  await once(socket, 'connect');
  socket.write(helloFrame);
  await Promise.race([once(socket, 'data'), once(socket, 'close')]);
  return socket;
}

/** Writes the bytes in one piece or in several. */
async function write(socket: Socket, bytes: Buffer): Promise<void> {
  const size = next() < 0.6 ? bytes.length : 1 + below(next() < 0.3 ? 30 : 20_000);
  for (let at = 0; at < bytes.length && !socket.destroyed; at += size) {
    socket.write(bytes.subarray(at, at + size));
    if (next() < 0.3) await turn();
  }
}

async function lane(): Promise<void> {
  while (frames < Number(most)) {
    const socket = await connected();
    if (next() < 0.8) socket.resume(); // others do not read
    for (let burst = 1 + below(20); burst > 0 && !socket.destroyed; burst--) {
      const count = 1 + below(next() < 0.3 ? 80 : 8);
      if (next() < 0.02) await write(socket, idInUse());
      else await write(socket, Buffer.concat(Array.from({ length: count }, frame)));
      if (next() < 0.5) await turn();
    }
    const ending = next();
    if (ending < 0.3) socket.resetAndDestroy();
    else if (ending < 0.6) socket.destroy();
    else {
      socket.end();
      socket.resume();
      await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 50))]);
      socket.destroy();
    }
  }
}

/** Starts a client that exchanges frames, and ends it in the middle of that. Returns the number of its exchanges. */
async function exchanges(): Promise<number> {
  const worker = new Worker(new URL('./traffic-client.ts', import.meta.url), { workerData: { port, seed } });
  const done = new Int32Array(new SharedArrayBuffer(4));
  worker.postMessage(done);
  worker.on('error', (error) => {
    throw error;
  });
  const deadline = performance.now() + 30_000;
  while (Atomics.load(done, 0) < 300 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await worker.terminate();
  return done[0]!;
}

/** Takes units away and brings them back, while calls name them. */
async function placements(): Promise<void> {
  const placeable = service.placeable(model.identity);
  if (placeable === undefined) throw new Error('the model is not placeable');
  while (frames < Number(most)) {
    const units = servedUnits.filter(() => next() < 0.2);
    await placeable.remove(units);
    await turn();
    placeable.add(units);
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const clients = (async () => {
  let count = 0;
  do count += await exchanges();
  while (frames < Number(most));
  return count;
})();
await Promise.all([placements(), ...Array.from({ length: 6 }, lane)]);
const exchanged = await clients;

// The shard must still answer.
const last = await connected();
const answer = once(last, 'data');
last.write(fastCall({ ...call(), id: 1, deadlineMs: 60_000 }));
await answer;
last.destroy();
const { answered } = service.counts;
await service.drain();
await server.close({ graceMs: 100 });
console.log(JSON.stringify({ frames, answered, exchanged }));
process.exit(0);
