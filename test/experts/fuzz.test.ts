import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { runRequestToParams } from '../../experts/wire.ts';
import type { Address } from '../../rpc/address.ts';
import { decodeMessage, encodeMessage } from '../../rpc/codec.ts';
import { FrameSplitter } from '../../rpc/frame.ts';
import { listen } from '../../rpc/server.ts';
import { openSocketTransport } from '../../rpc/socket-transport.ts';
import type { Transport, Value } from '../../rpc/transport.ts';
import { framed } from '../rpc/framed.ts';
import { uniform } from '../support/random.ts';
import { createTestShard, model } from './shard.ts';

const frames = 20_000;
const lanes = 8;
const deadlineMs = 20_000;
const hello = { protocol: 1, role: 'gateway', version: 'fuzz', deadlineMs };
const asked = runRequestToParams({
  model: model.identity,
  layer: 1,
  priority: 0,
  trace: 'fuzz',
  epoch: 0,
  rows: Float32Array.from({ length: 3 * model.hidden }, (_, i) => Math.cos(i)),
  asks: Uint16Array.of(0, 1, 2, 5, 1, 1),
});
const honest = [
  encodeMessage({ type: 'request', id: 7, method: 'expert.run', params: { ...asked, deadlineMs } }),
  encodeMessage({ type: 'request', id: 8, method: 'hello', params: hello }),
  encodeMessage({ type: 'request', id: 9, method: 'ping', params: {} }),
  encodeMessage({ type: 'notification', method: 'cancel', params: { id: 7 } }),
  encodeMessage({ type: 'response', id: 7, error: undefined, result: { rows: new Uint8Array(8) } }),
];

test(`a shard lives through ${frames} broken frames and answers honest calls right all along`, async () => {
  const { service } = await createTestShard();
  const server = await listen({ handlers: service.handlers, maxFrameBytes: 100_000 });
  const transport = await openSocketTransport(server.address, { hello });
  const expected = await answerOf(transport);
  let sent = 0;
  let cut = 0;
  async function lane(number: number): Promise<void> {
    const next = uniform(number + 1);
    let victim = await Victim.open(server.address);
    while (sent < frames) {
      if (++sent % 500 === 0) expect(await answerOf(transport)).toEqual(expected);
      const lives = await victim.survives(brokenFrame(next));
      if (lives) continue;
      cut++;
      victim = await Victim.open(server.address);
    }
    victim.end();
  }
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  expect(await answerOf(transport)).toEqual(expected);
  expect(cut).toBeGreaterThan(frames / 20); // some frames break the protocol …
  expect(cut).toBeLessThan(frames); // … others are only refused
  transport.close();
  await server.close({ graceMs: 1_000 });
}, 120_000);

async function answerOf(transport: Transport): Promise<Value | undefined> {
  const answer = await transport.call('expert.run', { ...asked }, { deadlineMs });
  const rows = typeof answer === 'object' && answer !== null && 'rows' in answer ? answer.rows : undefined;
  return rows instanceof Uint8Array ? [...rows] : undefined;
}

/** Mostly an honest message with some bytes changed, cut or added; sometimes noise; now and then a lying length. */
function brokenFrame(next: () => number): Uint8Array {
  const below = (limit: number) => Math.floor(next() * limit);
  const kind = next();
  if (kind < 0.15) return framed(Uint8Array.from({ length: 1 + below(60) }, () => below(256)));
  let payload = Uint8Array.from(honest[below(honest.length)] ?? []);
  if (kind < 0.3) payload = payload.subarray(0, 1 + below(payload.length));
  for (let changes = 1 + below(4); changes > 0; changes--) payload[below(payload.length)] = below(256);
  if (kind > 0.95) payload = Uint8Array.from([...payload, below(256)]);
  const bytes = framed(payload);
  if (kind > 0.9) bytes[below(4)] = below(256);
  return bytes;
}

const pingId = 4_000_000_000;
const ping = framed(encodeMessage({ type: 'request', id: pingId, method: 'ping', params: {} }));

/** A connection that has said hello and may be broken. */
class Victim {
  readonly #socket: Socket;
  readonly #splitter = new FrameSplitter();
  #settle: (answered: boolean) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Uint8Array) => {
      for (const message of this.#splitter.push(chunk).map(decodeMessage)) {
        if (message.type === 'response' && message.id === pingId) this.#settle(true);
      }
    });
    socket.on('error', () => this.#settle(false));
    socket.on('close', () => this.#settle(false));
  }

  static async open({ host, port }: Address): Promise<Victim> {
    const socket = connect({ host, port });
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const victim = new Victim(socket);
    const greeting = encodeMessage({ type: 'request', id: pingId, method: 'hello', params: hello });
    if (!(await victim.#answers(framed(greeting)))) throw new Error('an honest hello was refused');
    return victim;
  }

  /** Whether a ping right behind `bytes` is answered on this connection. */
  async survives(bytes: Uint8Array): Promise<boolean> {
    // A length that lies makes the shard wait for more bytes: what it waits for never comes.
    const announced = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    if (announced > bytes.length - 4 && announced <= 100_000) {
      this.#socket.end(bytes);
      return false;
    }
    return this.#answers(Buffer.concat([bytes, ping]));
  }

  end(): void {
    this.#socket.destroy();
  }

  #answers(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      if (this.#socket.closed) resolve(false);
      else this.#socket.write(bytes);
    });
  }
}
