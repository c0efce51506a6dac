import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SAMPLES, type Wire } from '../../../kernels/wires.ts';
import { draw, kernels, matrix } from '../support.ts';

const expert = (hidden: number, inner: number) => {
  const [gate, up] = [matrix(1, inner, hidden, 4).handle, matrix(2, inner, hidden, 8).handle];
  return kernels.expert(gate, up, matrix(3, hidden, inner, 4).handle);
};

const serving = () => kernels.serving(512, 16_384, 1_024, 100_000, 16);

interface Opened {
  wire: Wire;
  /** The code of the error. */
  closed: Promise<string | undefined>;
}

async function listening(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Takes a socket of Node over. */
function wireOf(socket: Socket & { _handle: { fd: number } }, mostUnsent = 1_000_000): Opened {
  const { promise: closed, resolve } = Promise.withResolvers<string | undefined>();
  const events = { onBytes() {}, onFrame() {}, onClosed: resolve };
  const wire = kernels.openWire(socket._handle.fd, mostUnsent, events);
  if (wire === undefined) throw new Error('the socket cannot be watched');
  socket.destroy();
  onTestFinished(() => kernels.closeWire(wire));
  return { wire, closed };
}

/** A connection whose one end is a wire, and whose other end is a socket of Node. */
async function openPair(mostUnsent?: number): Promise<Opened> {
  const server = await listening();
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  peer.on('error', () => {}); // the test may cut the connection
  onTestFinished(() => void peer.destroy());
  const [socket] = await once(server, 'connection');
  server.close();
  return wireOf(socket, mostUnsent);
}

describe('a served model', () => {
  test('refuses units of another width', () => {
    const served = serving();
    const number = kernels.serveModel(served, 'm', 2, 3, 64, 64, 64);
    kernels.serveUnit(served, number, 0, 0, expert(64, 32));
    kernels.serveUnit(served, number, 1, 2, expert(64, 32));
    const unit = (hidden: number, inner: number) => () =>
      kernels.serveUnit(served, number, 0, 1, expert(hidden, inner));
    expect(unit(96, 32)).toThrow("matrices take rows of 96 floats; the model's rows have 64");
    expect(unit(64, 48)).toThrow("matrices have an inner width of 48; the model's other units have 32");
    expect(() => kernels.serveUnit(served, number, 2, 0, expert(64, 32))).toThrow('layer is 2');
    expect(() => kernels.serveUnit(served, number + 1, 0, 0, expert(64, 32))).toThrow(
      'model 1 is not served',
    );
  });

  test('refuses a shape whose answers exceed a frame, and one with too many units', () => {
    expect(() => kernels.serveModel(serving(), 'm', 2, 3, 64, 64, 512)).toThrow('the answer to 512 asks');
    expect(() => kernels.serveModel(serving(), 'm', 65_536, 65_536, 4, 64, 64)).toThrow('too many units');
  });

  test('refuses an identity that is no string or has more than 255 bytes', () => {
    const named = (identity: unknown) => () =>
      Reflect.apply(kernels.serveModel, kernels, [serving(), identity, 1, 1, 64, 64, 64]);
    expect(named('é'.repeat(128))).toThrow('identity has 256 bytes; 255 are allowed');
    expect(named(5)).toThrow('identity must be a string');
    expect(named('é'.repeat(127))()).toBe(0);
  });
});

test('a descriptor that cannot be watched gives no wire', () => {
  const events = { onBytes() {}, onFrame() {}, onClosed() {} };
  expect(kernels.openWire(1_000_000, 1, events)).toBeUndefined();
});

test('a closed wire keeps no memory for bytes, although its handle lives on', async () => {
  // malloc of glibc returns freed memory to the system for certain only if a block has more than 32 MiB.
  const bytes = new Uint8Array(40 * 2 ** 20);
  const opened: Opened[] = [];
  for (let i = 0; i < 4; i++) {
    const pair = await openPair(2 * bytes.length); // its peer does not read, and the system takes at most a third
    opened.push(pair);
    expect(kernels.writeWire(pair.wire, bytes)).toBe(true);
  }
  const filled = process.memoryUsage.rss();
  for (const { wire } of opened) kernels.closeWire(wire);
  await Promise.all(opened.map(({ closed }) => closed));
  // `onClosed` is called just before the memory is freed.
  await expect.poll(() => filled - process.memoryUsage.rss()).toBeGreaterThan(2 * bytes.length);
  expect(kernels.writeWire(opened[0]!.wire, bytes)).toBe(false);
});

test('a wire keeps its serving, and a closed wire has none', async () => {
  const { wire, closed } = await openPair();
  const served = serving();
  kernels.serveWire(wire, served);
  kernels.serveWire(wire, served);
  expect(() => kernels.serveWire(wire, serving())).toThrow('wire is served by another serving');
  kernels.closeWire(wire);
  kernels.serveWire(wire, serving());
  expect(await closed).toBeUndefined();
  expect(kernels.cancelServed(wire, 1)).toBe(false);
  expect(kernels.hasServed(wire, 1)).toBe(false);
  expect(kernels.takeSamples(served, new Float64Array(SAMPLES))).toBe(0);
});

test('a wire reports a reset behind more bytes than it reads in one turn', async () => {
  const server = await listening();
  const { port } = server.address() as AddressInfo;
  const worker = new Worker(new URL('./reset-worker.ts', import.meta.url), {
    workerData: { port, ms: 1_200 },
  });
  onTestFinished(async () => void (await worker.terminate()));
  const [socket] = await once(server, 'connection');
  server.close();
  const { closed } = wireOf(socket);
  await delay(600); // the window grows while this thread reads
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  expect(await closed).toBe('ECONNRESET');
}, 10_000);

describe('an exchange refuses', () => {
  const hidden = 4;
  const x = draw(1, 3 * hidden);
  /** One frame with 2 rows and 1 pair. */
  const plan = (changes: Record<number, number> = {}) => {
    const numbers = [1, 0, 1_000, 2, 1, 0, /* rows */ 0, 2, /* pair */ 1, 5];
    return Int32Array.from(numbers, (value, i) => changes[i] ?? value);
  };
  const usual = async (): Promise<unknown[]> => {
    const { wire } = await openPair();
    return [[wire], plan(), x, hidden, 0, 1, 'm', new Float32Array(hidden), 0];
  };

  test.each<[string, number, () => unknown, string]>([
    ['a wire of another kind', 0, () => [serving()], 'every element of wires must be a Wire'],
    ['a plan that ends early', 1, () => plan().subarray(0, 5), 'plan ends inside a frame'],
    ['a plan without its pairs', 1, () => plan().subarray(0, 9), 'plan: a frame of 2 rows and 1 asks'],
    ['a frame without rows', 1, () => plan({ 3: 0 }), 'plan: a frame of 0 rows'],
    ['a row that is not in x', 1, () => plan({ 7: 3 }), 'plan: row 3 is not in x'],
    ['a negative row', 1, () => plan({ 6: -1 }), 'plan: row -1 is not in x'],
    ['a pair whose row is not in the frame', 1, () => plan({ 8: 2 }), 'plan: the pair (2, 5)'],
    ['a pair whose expert has more than 16 bits', 1, () => plan({ 9: 65_536 }), 'plan: the pair (1, 65536)'],
    ['a negative deadline', 1, () => plan({ 2: -1 }), 'plan: a deadline of -1 ms'],
    ['a long identity', 6, () => 'm'.repeat(256), 'model has 256 bytes; 255 are allowed'],
    ['an identity that is no string', 6, () => 7, 'model must be a string'],
    ['too few answers', 7, () => new Float32Array(hidden - 1), 'answers has 3 elements'],
    ['answers in the memory of the rows', 7, () => x.subarray(hidden), 'answers overlaps x in memory'],
  ])('%s', async (_, at, wrong, message) => {
    const values = await usual();
    values[at] = wrong();
    expect(() => Reflect.apply(kernels.exchange, kernels, values)).toThrow(message);
  });

  test('nothing that is right', async () => {
    const values = await usual();
    Reflect.apply(kernels.exchange, kernels, values);
    expect((values[1] as Int32Array)[5]).toBe(1);
  });
});
