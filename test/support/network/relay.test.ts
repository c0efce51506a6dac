import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Address } from '../../../rpc/address.ts';
import { Line } from '../line.ts';
import { eventually } from '../process.ts';
import { uniform } from '../random.ts';
import { type Relay, type RelayOptions, startRelay } from './relay.ts';
import { startRelayThread } from './relay-thread.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server that sends back all bytes, behind a relay. */
async function startEcho(options: Omit<RelayOptions, 'to'> = {}): Promise<Relay> {
  const relay = await startRelay({ to: await listenEcho(), ...options });
  closers.push(() => relay.close());
  return relay;
}

async function listenEcho(): Promise<Address> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => sockets.delete(socket)); // a connection cut on purpose
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has no port');
  return { host: '127.0.0.1', port: bound.port };
}

interface Client {
  socket: Socket;
  /** Bytes received so far. */
  got: () => Buffer;
  ended: Promise<'end' | 'broken'>;
}

async function open({ address }: Pick<Relay, 'address'>): Promise<Client> {
  const socket = connect({ ...address, noDelay: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const ended = new Promise<'end' | 'broken'>((resolve) => {
    socket.on('error', () => resolve('broken'));
    socket.on('end', () => resolve('end'));
  });
  await once(socket, 'connect');
  closers.push(() => socket.destroy());
  return { socket, got: () => Buffer.concat(chunks), ended };
}

function bytes(count: number, seed = 1): Buffer {
  const next = uniform(seed);
  return Buffer.from(Uint8Array.from({ length: count }, () => 256 * next()));
}

describe('a line', () => {
  it('delays each chunk by its delay plus at most its jitter, and keeps the order of chunks', () => {
    const draw = fc.record({
      delayMs: fc.integer({ min: 0, max: 20 }),
      jitterMs: fc.integer({ min: 0, max: 20 }),
      seed: fc.nat(),
      arrivals: fc.array(fc.record({ bytes: fc.nat(2_000), afterMs: fc.nat(10) }), { maxLength: 40 }),
    });
    fc.assert(
      fc.property(draw, ({ arrivals, ...options }) => {
        const line = new Line(options);
        let now = 0;
        let last = 0;
        for (const { bytes, afterMs } of arrivals) {
          now += afterMs;
          const due = line.send(bytes, now);
          expect(due).toBeGreaterThanOrEqual(Math.max(last, now + options.delayMs));
          expect(due).toBeLessThanOrEqual(Math.max(last, now + options.delayMs + options.jitterMs));
          last = due;
        }
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it('sends bytes at its rate, and adds the delay to that time', () => {
    const line = new Line({ delayMs: 5, bytesPerSecond: 1_000_000 });
    expect([line.send(2_000, 0), line.send(1_000, 0), line.send(1_000, 100)]).toEqual([7, 8, 106]);
  });

  it('draws the same jitter from the same seed', () => {
    const draws = (seed: number) => {
      const line = new Line({ jitterMs: 10, seed });
      return Array.from({ length: 5 }, (_, i) => line.send(1, 100 * i));
    };
    expect(draws(3)).toEqual(draws(3));
    expect(draws(3)).not.toEqual(draws(4));
  });
});

describe('a relay', () => {
  it('carries bytes and the end of data both ways in order, despite jitter', async () => {
    const { socket, got, ended } = await open(await startEcho({ delayMs: 1, jitterMs: 4, seed: 9 }));
    const sent = bytes(300_000);
    for (let at = 0; at < sent.length; at += 10_000) {
      socket.write(sent.subarray(at, at + 10_000));
      await delay(1);
    }
    socket.end();
    expect(await ended).toBe('end');
    expect(got().equals(sent)).toBe(true);
  });

  it('delays each direction', async () => {
    const { socket } = await open(await startEcho({ delayMs: 20 }));
    const trips: number[] = [];
    for (let trip = 0; trip < 5; trip++) {
      const sentAt = performance.now();
      socket.write('x');
      await once(socket, 'data');
      trips.push(performance.now() - sentAt);
    }
    expect(Math.min(...trips)).toBeGreaterThanOrEqual(38);
    expect(Math.min(...trips)).toBeLessThan(80);
  });

  it('carries bytes at its rate and no faster', async () => {
    const { socket, got, ended } = await open(await startEcho({ bytesPerSecond: 1_000_000 }));
    const startedAt = performance.now();
    socket.end(bytes(200_000));
    await ended;
    expect(got().length).toBe(200_000);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(190);
  });

  it('breaks every open connection if it is cut, and accepts new connections', async () => {
    const relay = await startEcho();
    const first = await open(relay);
    first.socket.write('x');
    await eventually(() => first.got().length === 1);
    expect(relay.connections).toBe(1);
    relay.cut();
    expect(await first.ended).toBe('broken');
    await eventually(() => relay.connections === 0);
    const second = await open(relay);
    second.socket.write('y');
    await eventually(() => second.got().toString() === 'y');
  });

  it('leaves silent connections open without forwarding anything, and accepts new connections', async () => {
    const relay = await startEcho();
    const first = await open(relay);
    relay.silence();
    first.socket.write('x');
    const second = await open(relay);
    second.socket.write('y');
    await eventually(() => second.got().toString() === 'y');
    expect(first.got().length).toBe(0);
    expect(first.socket.readyState).toBe('open');
  });

  it('counts silent connections until the client closes them', async () => {
    const relay = await startEcho();
    const first = await open(relay);
    first.socket.write('x');
    await eventually(() => first.got().length === 1);
    relay.silence();
    await open(relay);
    await eventually(() => relay.connections === 2);
    expect(relay.silent).toBe(1);
    first.socket.end();
    await eventually(() => relay.silent === 0);
  });

  it('inserts garbage in both directions between the bytes that are sent', async () => {
    const relay = await startEcho();
    const { socket, got } = await open(relay);
    socket.write('a');
    await eventually(() => got().length === 1);
    relay.garble(Buffer.from('??'));
    await eventually(() => got().length === 5); // two bytes to the client, and the two that the echo sent back
    socket.write('b');
    await eventually(() => got().toString() === 'a????b');
  });

  it('connects new clients to another target after retarget, and keeps open connections', async () => {
    const relay = await startEcho();
    const kept = await open(relay);
    kept.socket.write('x');
    await eventually(() => kept.got().length === 1);
    const [gone, there] = [await listenEcho(), await listenEcho()];
    relay.retarget(gone);
    for (const close of closers.splice(-2, 1)) await close();
    expect(await (await open(relay)).ended).toBe('broken');
    relay.retarget(there);
    const moved = await open(relay);
    moved.socket.write('y');
    await eventually(() => moved.got().toString() === 'y');
    kept.socket.write('z');
    await eventually(() => kept.got().toString() === 'xz');
  });

  it('cuts, silences, garbles and retargets in a thread of its own, too', async () => {
    const relay = await startRelayThread({ to: await listenEcho() });
    closers.push(() => relay.close());
    const first = await open(relay);
    first.socket.write('x');
    await eventually(() => first.got().length === 1);
    relay.silence();
    expect(await relay.state()).toEqual({ connections: 1, silent: 1 });
    relay.cut();
    expect(await first.ended).toBe('broken');
    await eventually(async () => (await relay.state()).connections === 0);
    relay.retarget(await listenEcho());
    const second = await open(relay);
    second.socket.write('y');
    await eventually(() => second.got().toString() === 'y');
    relay.garble(Buffer.of(7));
    await eventually(() => second.got().length === 3);
  });

  it('cuts or silences a connection after a number of bytes that the seed decides', async () => {
    const carried = async (options: Omit<RelayOptions, 'to'>) => {
      const relay = await startEcho(options);
      const counts: number[] = [];
      for (let n = 0; n < 3; n++) {
        const { socket, got, ended } = await open(relay);
        let broken = false;
        void ended.then(() => {
          broken = true;
        });
        let before = -1;
        while (!broken && got().length > before) {
          before = got().length;
          socket.write(bytes(100));
          await Promise.race([
            ended,
            delay(options.silentWithin === undefined ? 1_000 : 60),
            once(socket, 'data'),
          ]);
        }
        expect(broken).toBe(options.silentWithin === undefined);
        counts.push(got().length);
      }
      return counts;
    };
    const cut = await carried({ cutWithin: 4_000, seed: 2 });
    expect(new Set(cut).size).toBe(3);
    expect(Math.max(...cut)).toBeLessThan(2_000);
    expect(await carried({ silentWithin: 4_000, seed: 2 })).toEqual(
      await carried({ silentWithin: 4_000, seed: 2 }),
    );
    expect(await carried({ silentWithin: 4_000, seed: 3 })).not.toEqual(cut);
  });
});
