// A TCP relay with the faults of a network: delay, jitter, limited bandwidth, and connections that break, fall silent or
// carry bytes that nobody sent. Bytes keep their order. The seed decides all random choices.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Address } from '../../../rpc/address.ts';
import { Line, type LineOptions } from '../line.ts';
import { seedOf, uniform } from '../random.ts';

export interface RelayOptions extends LineOptions {
  /** Where connections lead. */
  to: Address;
  /** Each connection breaks after a random number of bytes, at most this many in both directions together. */
  cutWithin?: number;
  /** Each connection falls silent after a random number of bytes, at most this many in both directions together. */
  silentWithin?: number;
}

export interface Relay {
  readonly address: Address;
  /** Number of open connections. */
  readonly connections: number;
  /** Number of silent connections that the client has not closed yet. */
  readonly silent: number;
  /** Breaks every open connection. New connections are accepted. */
  cut(): void;
  /** Forwards nothing more on the open connections and leaves them open, as if the other side had vanished. */
  silence(): void;
  /** Inserts bytes that nobody sent into both directions of every open connection. */
  garble(bytes: Uint8Array): void;
  /** Sets where new connections lead. Open connections stay as they are. */
  retarget(to: Address): void;
  close(): Promise<void>;
}

/** A chunk on its way, or the end of the sender's data. */
interface Travelling {
  chunk: Uint8Array | undefined;
  dueAt: number;
}

/** Length of the last part of a wait. This part uses no timer, because timers of Node are up to a millisecond late. */
const TIMER_MS = 1.2;
/** In this last part, the thread blocks for at most this long at a time. */
const NAP_MS = 0.1;
/** Data that is due within this time is sent at once. */
const EARLY_MS = 0.05;
/** Number of bytes on their way in one direction before the sender has to wait. */
const MOST_HELD = 16 * 2 ** 20;

export async function startRelay({
  to,
  seed = 1,
  cutWithin,
  silentWithin,
  ...line
}: RelayOptions): Promise<Relay> {
  const open = new Set<RelayedConnection>();
  let target = to;
  let count = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const own = seedOf(seed, `connection ${count++}`);
    const draw = uniform(own);
    const limitOf = (within: number | undefined) => {
      const share = draw();
      return within === undefined ? Number.POSITIVE_INFINITY : Math.floor(share * within);
    };
    const connection = new RelayedConnection({
      near,
      far: connect({ ...target, allowHalfOpen: true, noDelay: true }),
      up: new Line({ ...line, seed: seedOf(own, 'up') }),
      down: new Line({ ...line, seed: seedOf(own, 'down') }),
      cutAfter: limitOf(cutWithin),
      silentAfter: limitOf(silentWithin),
      onClose: () => open.delete(connection),
    });
    open.add(connection);
  });
  const host = '127.0.0.1';
  server.listen(0, host);
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP server has no port');
  return {
    address: { host, port: bound.port },
    get connections() {
      return open.size;
    },
    get silent() {
      return [...open].filter((connection) => connection.silent).length;
    },
    cut() {
      for (const connection of open) connection.cut();
    },
    silence() {
      for (const connection of open) connection.silence();
    },
    garble(bytes) {
      for (const connection of open) connection.garble(bytes);
    },
    retarget(to) {
      target = to;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of open) connection.cut();
      await closed;
    },
  };
}

interface RelayedConnectionOptions {
  /** Socket of the client, and socket to the target. */
  near: Socket;
  far: Socket;
  /** From the client to the target, and back. */
  up: Line;
  down: Line;
  /** Number of bytes in both directions together after which the connection breaks or falls silent. */
  cutAfter: number;
  silentAfter: number;
  onClose: () => void;
}

class RelayedConnection {
  readonly #sockets: readonly Socket[];
  readonly #options: RelayedConnectionOptions;
  #carried = 0;
  #silent = false;

  constructor(options: RelayedConnectionOptions) {
    const { near, far, up, down, onClose } = options;
    this.#options = options;
    this.#sockets = [near, far];
    let closed = 0;
    for (const socket of this.#sockets) {
      socket.on('error', () => this.cut()); // if one side fails, the connection of the other side breaks
      socket.on('close', () => {
        if (++closed === 2) onClose();
      });
    }
    this.#forward(near, far, up);
    this.#forward(far, near, down);
  }

  cut(): void {
    for (const socket of this.#sockets) {
      // libuv refuses to reset a connection that was shut down. Its handle would never close, and the thread would never end.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  silence(): void {
    this.#silent = true;
  }

  get silent(): boolean {
    return this.#silent && !this.#options.near.destroyed;
  }

  garble(bytes: Uint8Array): void {
    if (this.#silent) return;
    for (const socket of this.#sockets) if (socket.writable) socket.write(bytes);
  }

  #forward(from: Socket, to: Socket, line: Line): void {
    const travelling: Travelling[] = [];
    let held = 0;
    let callOff: (() => void) | undefined;
    const deliver = () => {
      callOff = undefined;
      const now = performance.now();
      for (let next = travelling[0]; next !== undefined; next = travelling[0]) {
        if (next.dueAt - now > EARLY_MS) break;
        travelling.shift();
        held -= next.chunk?.length ?? 0;
        this.#pass(next.chunk, to);
      }
      if (held < MOST_HELD) from.resume();
      const [next] = travelling;
      if (next !== undefined) callOff = wake(deliver, next.dueAt - now);
    };
    const enter = (chunk: Uint8Array | undefined) => {
      travelling.push({ chunk, dueAt: line.send(chunk?.length ?? 0, performance.now()) });
      held += chunk?.length ?? 0;
      if (held >= MOST_HELD) from.pause();
      if (callOff === undefined) deliver();
    };
    from.on('data', enter);
    from.on('end', () => {
      if (this.#silent)
        from.destroy(); // a silent connection forwards no end
      else enter(undefined);
    });
    to.on('close', () => callOff?.());
  }

  #pass(chunk: Uint8Array | undefined, to: Socket): void {
    const { cutAfter, silentAfter } = this.#options;
    if (this.#silent || to.destroyed) return;
    if (chunk === undefined) {
      to.end();
      return;
    }
    const room = Math.min(cutAfter, silentAfter) - this.#carried;
    this.#carried += chunk.length;
    if (room >= chunk.length) {
      to.write(chunk);
      return;
    }
    if (silentAfter <= cutAfter) {
      to.write(chunk.subarray(0, room));
      this.silence();
    } else {
      to.write(chunk.subarray(0, room), () => this.cut());
    }
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Calls `deliver` after `ms`, at most 0.1 ms late and perhaps early. Returns a function that cancels the call. */
function wake(deliver: () => void, ms: number): () => void {
  if (ms > TIMER_MS) {
    const timer = setTimeout(deliver, Math.floor(ms - TIMER_MS));
    return () => clearTimeout(timer);
  }
  const immediate = setImmediate(() => {
    Atomics.wait(cell, 0, 0, Math.min(ms, NAP_MS));
    deliver();
  });
  return () => clearImmediate(immediate);
}
