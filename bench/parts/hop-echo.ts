// The caller's side of a bare TCP echo, which the bench of a hop is compared with.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { EXPERTS } from './hop-shard.ts';

interface Echo {
  /** Sends every shard the bytes of its rows, and resolves when all of them are back. */
  hop: () => Promise<void>;
  close: () => void;
}

/** `experts [rows]`: as `expertsOf` spreads them over the ports. */
export async function openEcho(
  ports: readonly number[],
  experts: Uint16Array,
  hidden: number,
): Promise<Echo> {
  const held = EXPERTS / ports.length;
  const lines = await Promise.all(
    ports.map(async (port, index) => {
      const rows = experts.filter((expert) => Math.floor(expert / held) === index).length;
      const socket = connect({ port, host: '127.0.0.1' }).setNoDelay(true);
      await once(socket, 'connect');
      const bytes = Buffer.alloc(rows * hidden * 4);
      if (rows > 0) bytes.writeUInt32LE(bytes.length);
      return { socket, bytes };
    }),
  );
  const busy = lines.filter(({ bytes }) => bytes.length > 0);
  const hop = async () => {
    await Promise.all(busy.map(({ socket, bytes }) => exchange(socket, bytes)));
  };
  return { hop, close: () => lines.forEach(({ socket }) => void socket.destroy()) };
}

function exchange(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    let left = bytes.length;
    const onData = (chunk: Buffer) => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.write(bytes);
  });
}
