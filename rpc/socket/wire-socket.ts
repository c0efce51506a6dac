// A plain TCP socket that the addon reads and writes. Only such sockets have the fast path of a hop: calls are served, and answers
// awaited, without JavaScript.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { kernels } from '../../kernels/kernels.ts';
import type { Wire, WireKernels } from '../../kernels/wires.ts';
import { type ByteSocket, type ByteSocketOptions, unreadError } from './byte-socket.ts';
import type { CallServing } from './serving.ts';

/** False makes every later connection use Node's sockets, for tests and comparisons. */
export const wirePath = { isOn: true };

/**
 * Undefined if the addon is missing, if the socket has TLS or no descriptor, or if the system refuses a second descriptor. The socket
 * is then unchanged.
 */
export function openWireSocket(socket: Socket, options: ByteSocketOptions): ByteSocket | undefined {
  const file = descriptorOf(socket);
  if (!wirePath.isOn || kernels?.openWire === undefined || file === undefined) return undefined;
  const { onBytes, onFrame, onClose, mostUnsent } = options;
  let opened: WireSocket | undefined;
  const wire = kernels.openWire(file, mostUnsent, {
    onBytes,
    onFrame,
    onClosed: (code) => onClose(opened?.cause ?? errorOf(code)),
  });
  if (wire === undefined) return undefined;
  opened = new WireSocket(kernels, wire);
  socket.destroy(); // closes its own descriptor; the connection lives on in the duplicate
  return opened;
}

function descriptorOf(socket: Socket): number | undefined {
  if (socket instanceof TLSSocket || socket.destroyed || socket.bytesRead > 0) return undefined;
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return undefined;
  return typeof handle.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

class WireSocket implements ByteSocket {
  readonly wire: Wire;
  /** Why this side has cut the connection. */
  cause: Error | undefined;
  readonly #kernels: WireKernels;
  readonly #traffic = new Float64Array(2);

  constructor(kernels: WireKernels, wire: Wire) {
    this.#kernels = kernels;
    this.wire = wire;
  }

  get received(): number {
    return this.#counted()[0]!;
  }

  get sent(): number {
    return this.#counted()[1]!;
  }

  write(bytes: Uint8Array): void {
    this.#kernels.writeWire(this.wire, bytes);
  }

  end(): void {
    this.#kernels.endWire(this.wire);
  }

  destroy(cause?: Error): void {
    this.cause ??= cause;
    this.#kernels.closeWire(this.wire);
  }

  serve({ handle }: CallServing): void {
    this.#kernels.serveWire(this.wire, handle);
  }

  hasServed(id: number): boolean {
    return this.#kernels.hasServed(this.wire, id);
  }

  cancelServed(id: number): boolean {
    return this.#kernels.cancelServed(this.wire, id);
  }

  #counted(): Float64Array {
    this.#kernels.traffic(this.wire, this.#traffic);
    return this.#traffic;
  }
}

function errorOf(code: string | undefined): Error | undefined {
  if (code === undefined) return undefined;
  if (code === 'ENOBUFS') return unreadError();
  return Object.assign(new Error(`the socket failed with ${code}`), { code, syscall: 'recv' });
}
