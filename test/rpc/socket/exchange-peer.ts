// A shard in a worker thread whose answer to `expert.run` depends on the layer. It posts its port, and then every call that it gets,
// as the codec decodes it. It runs beside the test, because an exchange blocks the test's thread.
import { createServer, type Socket } from 'node:net';
import { parentPort } from 'node:worker_threads';
import { decodeMessage, encodeMessage } from '../../../rpc/codec.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { FrameSplitter } from '../../../rpc/frame.ts';
import type { Message } from '../../../rpc/messages.ts';
import { bytesToRows, bytesToUint16, rowsToBytes } from '../../../rpc/rows.ts';
import type { Params } from '../../../rpc/transport.ts';
import { fastAnswer } from '../../support/network/fast-frames.ts';
import { uniform } from '../../support/random.ts';
import { framed } from '../framed.ts';

export const HIDDEN = 4;

/** By layer: what the peer does with a call. `rows` are the right answer: each ask's row times (1 + expert). */
export const behaviours = [
  'answers',
  'answers in pieces',
  'answers as the codec does',
  'notifies, then answers',
  'fails',
  'answers a number that is not finite',
  'answers too few rows',
  'answers half and hangs up',
  'answers after 200 ms',
  'answers under another id, then under the right one',
  'hangs up',
  'does any of this, or answers with broken bytes',
] as const;

type Behaviour = (typeof behaviours)[number];

/** What the peer answers to a call. */
export function rightAnswer(params: Params): Float32Array {
  const x = params.rows as Uint8Array;
  const rows = bytesToRows(x, x.length / (4 * HIDDEN), HIDDEN);
  const asks = bytesToUint16(params.asks as Uint8Array);
  const answer = new Float32Array((asks.length / 2) * HIDDEN);
  for (let i = 0; i < asks.length; i += 2) {
    const row = rows.subarray(asks[i]! * HIDDEN, (asks[i]! + 1) * HIDDEN);
    answer.set(
      row.map((value) => value * (1 + asks[i + 1]!)),
      (i / 2) * HIDDEN,
    );
  }
  return answer;
}

const acts: { [B in Behaviour]: (socket: Socket, id: number, rows: Float32Array) => void } = {
  answers: (socket, id, rows) => put(socket, fastAnswer(id, rows)),
  'answers in pieces': (socket, id, rows) => inPieces(socket, fastAnswer(id, rows)),
  'answers as the codec does': (socket, id, rows) => send(socket, answerOf(id, rows)),
  'notifies, then answers': (socket, id, rows) => {
    send(socket, { type: 'notification', method: 'memory', params: { residentBytes: 1 } });
    put(socket, fastAnswer(id, rows));
  },
  fails: (socket, id) =>
    send(socket, { type: 'response', id, error: new RpcError('busy', 'full'), result: null }),
  'answers a number that is not finite': (socket, id, rows) =>
    put(
      socket,
      fastAnswer(
        id,
        rows.map((value, i) => (i === 1 ? Number.NaN : value)),
      ),
    ),
  'answers too few rows': (socket, id, rows) => put(socket, fastAnswer(id, rows.subarray(HIDDEN))),
  'answers half and hangs up': (socket, id, rows) => hangUp(socket, fastAnswer(id, rows).subarray(0, 40)),
  'answers after 200 ms': (socket, id, rows) => void setTimeout(() => put(socket, fastAnswer(id, rows)), 200),
  'answers under another id, then under the right one': (socket, id, rows) =>
    put(socket, Buffer.concat([fastAnswer(id + 1_000_000, rows), fastAnswer(id, rows)])),
  'hangs up': (socket) => hangUp(socket, Buffer.alloc(0)),
  'does any of this, or answers with broken bytes': (socket, id, rows) => {
    if (next() < 0.3) return acts[behaviours[below(behaviours.length - 1)]!](socket, id, rows);
    if (next() < 0.3) return put(socket, fastAnswer(id, rows));
    const whole = next() < 0.8 ? fastAnswer(id, rows) : framed(encodeMessage(answerOf(id, rows)));
    const bytes = broken(whole, whole.length - rows.byteLength);
    if (next() < 0.9) put(socket, bytes);
    else hangUp(socket, bytes.subarray(0, below(bytes.length))); // the next answer would fill the missing rows
  },
};

const next = uniform(31);
const below = (limit: number) => Math.floor(next() * limit);

/** Changes some bytes of the head, but neither the id, which could become that of another call, nor the rows. */
function broken(answer: Buffer, head: number): Buffer {
  for (let i = below(4); i >= 0; i--) {
    const at = below(head);
    if (at < 6 || at > 10) answer[at] = below(256);
  }
  return answer;
}

function answerOf(id: number, rows: Float32Array): Message {
  const result = { runMs: 1, queueMs: 0, rows: rowsToBytes(rows) };
  return { type: 'response', id, error: undefined, result };
}

/** What each socket still has to send, one piece after another, while it sends an answer in pieces. */
const unsent = new WeakMap<Socket, Buffer[]>();

/** Sends the bytes after everything that was put before, so that no two answers are mixed. */
function put(socket: Socket, bytes: Buffer): void {
  const waiting = unsent.get(socket);
  if (waiting === undefined) socket.write(bytes);
  else waiting.push(bytes);
}

/** Sends the bytes and nothing after them. */
function hangUp(socket: Socket, bytes: Buffer): void {
  put(socket, bytes);
  const waiting = unsent.get(socket);
  if (waiting === undefined) socket.end();
  else waiting.push(END);
}

const END = Buffer.from('the end, which is not sent');

function send(socket: Socket, message: Message): void {
  put(socket, framed(encodeMessage(message)));
}

function inPieces(socket: Socket, bytes: Buffer): void {
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) =>
    bytes.subarray(7 * i, 7 * i + 7),
  );
  const waiting = unsent.get(socket);
  if (waiting !== undefined) return void waiting.push(...pieces);
  unsent.set(socket, pieces);
  sendNext(socket, pieces);
}

function sendNext(socket: Socket, waiting: Buffer[]): void {
  const piece = waiting.shift();
  if (piece === undefined) return void unsent.delete(socket);
  if (piece === END) return void socket.end();
  socket.write(piece);
  setTimeout(() => sendNext(socket, waiting), 1);
}

function serve(socket: Socket): void {
  const splitter = new FrameSplitter();
  socket.setNoDelay(true);
  socket.on('error', () => {}); // the test may close the connection at any time
  socket.on('data', (chunk) => {
    for (const message of splitter.push(chunk).map(decodeMessage)) {
      if (message.type !== 'request') continue;
      const { id, method, params } = message;
      if (method === 'expert.run') {
        parentPort?.postMessage({ id, params });
        acts[behaviours[params.layer as number]!](socket, id, rightAnswer(params));
      } else send(socket, { type: 'response', id, error: undefined, result: { instance: 'peer' } });
    }
  });
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  parentPort?.postMessage(server.address());
});
