// Makes broken frames, mostly valid messages with some changed bytes, and sends them over connections that may break.
import { connect, type Socket } from 'node:net';
import { runRequestToParams } from '../../../experts/wire/run.ts';
import type { Address } from '../../../rpc/address.ts';
import { decodeMessage, encodeMessage } from '../../../rpc/codec.ts';
import { FrameSplitter } from '../../../rpc/frame.ts';
import type { Message } from '../../../rpc/messages.ts';
import { macFields, macOf } from '../../../rpc/security/hello-mac.ts';
import type { Params, Transport, Value } from '../../../rpc/transport.ts';
import { framed } from '../../rpc/framed.ts';

export const deadlineMs = 20_000;
export const hello = { protocol: 1, role: 'gateway', version: 'fuzz', deadlineMs };

/** A valid `expert.run` of a model: 3 rows for experts 1, 5 and 1 of layer 1. */
export function honestRun({ identity, hidden }: { identity: string; hidden: number }): Params {
  return runRequestToParams({
    model: identity,
    layer: 1,
    priority: 0,
    trace: 'fuzz',
    epoch: 0,
    rows: Float32Array.from({ length: 3 * hidden }, (_, i) => Math.cos(i)),
    asks: Uint16Array.of(0, 1, 2, 5, 1, 1),
  });
}

/** One message of each kind. */
export function honestMessages(run: Params): Message[] {
  return [
    { type: 'request', id: 7, method: 'expert.run', params: { ...run, deadlineMs } },
    { type: 'request', id: 8, method: 'hello', params: hello },
    { type: 'request', id: 9, method: 'ping', params: {} },
    { type: 'request', id: 10, method: 'challenge', params: { nonce: new Uint8Array(32) } },
    { type: 'notification', method: 'cancel', params: { id: 7 } },
    { type: 'response', id: 7, error: undefined, result: { rows: new Uint8Array(8) } },
  ];
}

/** The bytes of the rows in the answer to a valid call. */
export async function answerOf(transport: Transport, run: Params): Promise<Value | undefined> {
  const answer = await transport.call('expert.run', { ...run }, { deadlineMs });
  const rows = typeof answer === 'object' && answer !== null && 'rows' in answer ? answer.rows : undefined;
  return rows instanceof Uint8Array ? [...rows] : undefined;
}

/** Makes broken frames from valid messages. `next` draws a random number from [0, 1). */
export function frameBreaker(messages: readonly Message[], next: () => number): () => Buffer {
  const payloads = messages.map((message) => Uint8Array.from(encodeMessage(message)));
  const calls = messages.filter((message) => message.type === 'request');
  const below = (limit: number) => Math.floor(next() * limit);

  /** A well-formed frame with fields that are missing, new, of another type or out of bounds. */
  function wrongFields(): Buffer {
    const { method, params } = calls[below(calls.length)]!;
    const changed: Params = { ...params };
    const names = [...Object.keys(params), 'unknown'];
    for (let changes = 1 + below(2); changes > 0; changes--) {
      const name = names[below(names.length)]!;
      const value = oddValues[below(oddValues.length + 1)];
      if (value === undefined) delete changed[name];
      else changed[name] = value;
    }
    return framed(encodeMessage({ type: 'request', id: below(pingId), method, params: changed }));
  }

  /** A frame with some bytes changed, removed or added, and sometimes with a wrong length. */
  function wrongBytes(kind: number): Buffer {
    let payload = Uint8Array.from(payloads[below(payloads.length)]!);
    if (kind < 0.3) payload = payload.subarray(0, 1 + below(payload.length));
    for (let changes = 1 + below(4); changes > 0; changes--) payload[below(payload.length)] = below(256);
    if (kind > 0.95) payload = Uint8Array.from([...payload, below(256)]);
    const bytes = framed(payload);
    if (kind > 0.9) bytes[below(4)] = below(256);
    return bytes;
  }

  return () => {
    const kind = next();
    if (kind < 0.1) return framed(Uint8Array.from({ length: 1 + below(60) }, () => below(256)));
    return kind > 0.3 && kind < 0.85 ? wrongFields() : wrongBytes(kind);
  };
}

const oddValues: Value[] = [
  null,
  true,
  -1,
  0,
  1,
  2,
  0.5,
  2 ** 32,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  'x',
  'x'.repeat(1_000),
  new Uint8Array(0),
  new Uint8Array(7),
  new Uint8Array(32),
  new Uint8Array(256).fill(0xff),
  [],
  [1, [2, [3]]],
  {},
  { a: { b: null } },
];

export interface VictimOptions {
  address: Address;
  /** Largest frame that the shard accepts, in bytes. */
  frameBytes: number;
  secret?: Uint8Array;
}

const pingId = 4_000_000_000;
const ping = framed(encodeMessage({ type: 'request', id: pingId, method: 'ping', params: {} }));

/** A connection that the shard may end, and that reports whether it has ended. */
export class Victim {
  readonly #socket: Socket;
  readonly #frameBytes: number;
  readonly #splitter = new FrameSplitter();
  #settle: (answer: Value | undefined) => void = () => {};

  private constructor(socket: Socket, frameBytes: number) {
    this.#socket = socket;
    this.#frameBytes = frameBytes;
    socket.on('data', (chunk: Uint8Array) => {
      for (const message of this.#splitter.push(chunk).map(decodeMessage)) {
        if (message.type !== 'response' || message.id !== pingId) continue;
        this.#settle(message.error === undefined ? message.result : undefined);
      }
    });
    socket.on('error', () => this.#settle(undefined));
    socket.on('close', () => this.#settle(undefined));
  }

  /** A connection that has sent no hello. */
  static async connect({ address: { host, port }, frameBytes }: VictimOptions): Promise<Victim> {
    const socket = connect({ host, port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Victim(socket, frameBytes);
  }

  /** A connection whose hello has been answered. */
  static async open(options: VictimOptions): Promise<Victim> {
    const victim = await Victim.connect(options);
    const params: Params = { ...hello };
    if (options.secret !== undefined) params.proof = await victim.#proof(options.secret);
    if ((await victim.#asks('hello', params)) === undefined) {
      throw new Error('an honest hello was refused');
    }
    return victim;
  }

  /** Sends `bytes` and a ping. Resolves with whether the ping is answered on this connection. */
  async survives(bytes: Buffer): Promise<boolean> {
    // If the announced length is wrong, the shard waits for more bytes, which never arrive.
    const announced = bytes.readUInt32BE();
    if (announced > bytes.length - 4 && announced <= this.#frameBytes) {
      this.#socket.end(bytes);
      return false;
    }
    return (await this.#answer(Buffer.concat([bytes, ping]))) !== undefined;
  }

  end(): void {
    this.#socket.destroy();
  }

  async #proof(secret: Uint8Array): Promise<Uint8Array> {
    const callerNonce = new Uint8Array(32);
    const answer = await this.#asks('challenge', { nonce: callerNonce });
    const nonce =
      typeof answer === 'object' && answer !== null && 'nonce' in answer ? answer.nonce : undefined;
    if (!(nonce instanceof Uint8Array)) throw new Error('a challenge was refused');
    const channel = new Uint8Array(32);
    const handshake = { callerNonce, serverNonce: nonce, channel, ...macFields(hello) };
    return macOf(secret, 'caller', handshake);
  }

  #asks(method: string, params: Params): Promise<Value | undefined> {
    return this.#answer(framed(encodeMessage({ type: 'request', id: pingId, method, params })));
  }

  /** The answer to the request with `pingId` in these bytes. Undefined if it is refused or the connection ends. */
  #answer(bytes: Buffer): Promise<Value | undefined> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      if (this.#socket.closed) resolve(undefined);
      else this.#socket.write(bytes);
    });
  }
}
