import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import type { Address } from '../../rpc/address.ts';
import type { RpcError } from '../../rpc/errors.ts';
import { openConnection } from '../../rpc/socket/connection.ts';
import { listen, type RpcServer, type ServerOptions } from '../../rpc/socket/server.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import { frame, openRawPeer, type RawPeer } from './raw-peer.ts';
import { block, echo, hello, Stuck } from './transport.cases.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(options: Partial<ServerOptions> = {}): Promise<RpcServer> {
  const server = await listen({ handlers: { hello, echo }, ...options });
  closers.push(() => server.close({ graceMs: 100 }));
  return server;
}

async function raw(address: Address): Promise<RawPeer> {
  const peer = await openRawPeer(address);
  closers.push(() => peer.end());
  return peer;
}

async function greeted(address: Address): Promise<RawPeer> {
  const peer = await raw(address);
  peer.send({ type: 'request', id: 1, method: 'hello', params: {} });
  expect(await peer.next()).toMatchObject({ type: 'response', id: 1, error: undefined });
  return peer;
}

async function worker(): Promise<{
  address: Address;
  /** `[1]`, number of answers that the worker's method `after` has written to its socket. */
  answered: Int32Array;
  terminate: () => Promise<unknown>;
}> {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(new URL('./echo-worker.ts', import.meta.url), { workerData: answered });
  closers.push(() => thread.terminate());
  const address = await new Promise<Address>((resolve) => thread.once('message', resolve));
  return { address, answered, terminate: () => thread.terminate() };
}

describe('a connection that breaks the protocol gets the reason and is closed; the server keeps running', () => {
  const unread = { type: 'request', id: 9, method: 'echo', params: {} } as const;
  test.each([
    ['a frame over the limit', new Uint8Array([0x7f, 0, 0, 0]), 'announces 2130706432 bytes'],
    ['bytes that are no MessagePack', frame(new Uint8Array([0xc1])), 'type 0xc1'],
    ['a value that is no message', frame(new Uint8Array([0x05])), 'must be an array'],
    [
      'a response to a server',
      frame(Buffer.from('940101c0c0', 'hex')),
      'a response came to the side that answers',
    ],
    [
      'a cancel without the id of a request',
      frame(Buffer.from('9302a663616e63656c80', 'hex')),
      'cancel must name the id',
    ],
  ])('%s', async (_name, bytes, reason) => {
    const server = await serve();
    const peer = await greeted(server.address);
    peer.write(bytes);
    peer.send(unread);
    const messages = await peer.rest();
    expect(messages).toMatchObject([{ type: 'notification', method: 'error' }]);
    expect(JSON.stringify(messages)).toContain(reason);
    await greeted(server.address);
  });

  test.each(['echo', 'ping'])('%s before hello', async (method) => {
    const { address } = await serve();
    const peer = await raw(address);
    peer.send({ type: 'request', id: 4, method, params: {} });
    const [answer, last] = await peer.rest();
    expect(answer).toMatchObject({
      id: 4,
      error: { code: 'invalid', message: expect.stringContaining('hello must be') },
    });
    expect(last).toMatchObject({ method: 'error' });
  });

  test('a second request with an id in use', async () => {
    const stuck = new Stuck();
    const { address } = await serve({ handlers: { hello, stuck: stuck.handler } });
    const peer = await greeted(address);
    for (let i = 0; i < 2; i++) peer.send({ type: 'request', id: 5, method: 'stuck', params: {} });
    expect(JSON.stringify(await peer.rest())).toContain('request id 5 is still in use');
    await stuck.aborted;
  });

  test('no hello at all', async () => {
    const { address } = await serve({ helloMs: 30 });
    expect(JSON.stringify(await (await raw(address)).rest())).toContain('no hello within 30 ms');
  });
});

test('a connection without a byte for too long is cut', async () => {
  const server = await serve({ idleMs: 40 });
  const peer = await greeted(server.address);
  await peer.rest();
  await expect.poll(() => server.callers().length).toBe(0);
});

test('the calls of a caller that disconnects are aborted', async () => {
  const stuck = new Stuck();
  const { address } = await serve({ handlers: { hello, stuck: stuck.handler } });
  const peer = await greeted(address);
  peer.send({ type: 'request', id: 2, method: 'stuck', params: {} });
  await stuck.started;
  peer.end();
  expect(await stuck.aborted).toMatchObject({ code: 'unavailable' });
});

test('an answer that is too large for a frame fails only its call', async () => {
  const huge = async () => new Uint8Array(2_000);
  const { address } = await serve({ handlers: { hello, echo, huge }, maxFrameBytes: 1_000 });
  const transport = await openSocketTransport(address, { hello: {} });
  closers.push(() => transport.close());
  await expect(transport.call('huge', {}, { deadlineMs: 60_000 })).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('exceeds the limit of 1000'),
  });
  expect(await transport.call('echo', { a: 1 }, { deadlineMs: 60_000 })).toMatchObject({ a: 1 });
});

test.each([
  ['text', 'soon', 'invalid'],
  ['not a number', Number.NaN, 'invalid'],
  ['over', -1, 'deadline'],
])('a deadline that is %s is refused without work', async (_name, deadlineMs, code) => {
  const { address } = await serve();
  const peer = await greeted(address);
  peer.send({ type: 'request', id: 3, method: 'echo', params: { deadlineMs } });
  expect(await peer.next()).toMatchObject({ id: 3, error: { code } });
});

describe('draining', () => {
  test('lets running calls end, refuses new ones, notifies every peer, then closes', async () => {
    const { promise, resolve } = gate();
    const slow = () => promise.then(() => 'done');
    const server = await listen({ handlers: { hello, slow } });
    const told: string[] = [];
    const closes: RpcError[] = [];
    const transport = await openSocketTransport(server.address, {
      hello: {},
      onNotification: (method) => told.push(method),
      onClose: (error) => closes.push(error),
    });
    const running = transport.call('slow', {}, { deadlineMs: 60_000 });
    await transport.call('ping', {}, { deadlineMs: 60_000 });
    const closed = server.close();
    await expect(transport.call('slow', {}, { deadlineMs: 60_000 })).rejects.toMatchObject({
      code: 'draining',
    });
    expect(told).toEqual(['draining']);
    resolve();
    expect(await running).toBe('done');
    await closed;
    expect(closes).toMatchObject([{ code: 'unavailable', message: 'the peer has left service' }]);
    await expect(openConnection(server.address)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('does not wait longer than graceMs', async () => {
    const stuck = new Stuck();
    const server = await listen({ handlers: { hello, stuck: stuck.handler } });
    const transport = await openSocketTransport(server.address, { hello: {} });
    const call = transport.call('stuck', {}, { deadlineMs: 60_000 });
    await stuck.started;
    await Promise.all([
      server.close({ graceMs: 30 }),
      expect(call).rejects.toMatchObject({ code: 'unavailable' }),
    ]);
    await stuck.aborted;
  });
});

test('listening on a port in use fails with a message that says so', async () => {
  const { address } = await serve();
  await expect(serve(address)).rejects.toThrow(
    `cannot listen on 127.0.0.1:${address.port}: the port is in use`,
  );
});

describe('the calling end', () => {
  test('gets no timeout if its thread was blocked while the answer was in the socket', async () => {
    const { address, answered } = await worker();
    const transport = await openSocketTransport(address, { hello: {} });
    closers.push(() => transport.close());
    const deadlineMs = 150;
    for (let round = 0; round < 3; round++) {
      const call = transport.call('after', { ms: 0, round }, { deadlineMs });
      Atomics.wait(answered, 0, round);
      block(deadlineMs + 10);
      expect(await call).toMatchObject({ round });
    }
  });

  test('fails a call at once if its peer is killed', async () => {
    const { address, terminate } = await worker();
    const closes: RpcError[] = [];
    const transport = await openSocketTransport(address, {
      hello: {},
      onClose: (error) => closes.push(error),
    });
    const call = transport.call('after', { ms: 60_000 }, { deadlineMs: 60_000 });
    await Promise.all([terminate(), expect(call).rejects.toMatchObject({ code: 'unavailable' })]);
    expect(closes).toHaveLength(1);
  });

  test('detects a silent peer even if no call is pending', async () => {
    const { address } = await serve();
    const peer = await frozenAfterHello();
    const lost = new Promise<RpcError>((onClose) => {
      void openSocketTransport(peer, { hello: {}, pingEveryMs: 20, silenceMs: 50, onClose });
    });
    expect(await lost).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('the peer is silent'),
    });
    expect(address.port).toBeGreaterThan(0);
  });

  test('keeps a connection whose peer answers pings', async () => {
    const { address } = await serve({ idleMs: 100 });
    const closes: RpcError[] = [];
    const options = {
      hello: {},
      pingEveryMs: 20,
      silenceMs: 2_000,
      onClose: (error: RpcError) => closes.push(error),
    };
    const transport = await openSocketTransport(address, options);
    closers.push(() => transport.close());
    await delay(300);
    expect(closes).toEqual([]);
  });

  test('gets an error if nobody listens', async () => {
    const server = await listen({ handlers: { hello } });
    await server.close();
    const { host, port } = server.address;
    await expect(openSocketTransport(server.address, { hello: {} })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`cannot connect to ${host}:${port}`),
    });
  });

  test('refuses an address at which two processes answer by turns', async () => {
    let count = 0;
    const { address } = await serve({ handlers: { hello: async () => ({ instance: `${count++}` }) } });
    await expect(openSocketTransport(address, { hello: {} })).rejects.toMatchObject({
      code: 'incompatible',
      message: expect.stringContaining('leads to different processes'),
    });
  });

  test('stops connecting when its signal aborts', async () => {
    const { address } = await serve();
    const options = { hello: {}, signal: AbortSignal.abort() };
    await expect(openSocketTransport(address, options)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

/** A listener that answers hello and then sends nothing more. */
async function frozenAfterHello(): Promise<Address> {
  const server = createServer((socket) => {
    socket.on('error', () => {}); // expected, because the caller cuts the connection
    socket.once('data', () => socket.write(frame(Buffer.from('940101c080', 'hex'))));
    closers.push(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('not bound');
  return { host: '127.0.0.1', port: bound.port };
}

function gate(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((open) => {
    resolve = open;
  });
  return { promise, resolve };
}
