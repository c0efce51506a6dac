// Explains why a server could not listen on its port, and reserves a port for a server that starts later.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { formatAddress } from '../../rpc/address.ts';

interface Place {
  host: string;
  port: number;
}

/** Names of the flags that set the host and the port. */
const gatewayFlags = { port: '--port', host: '--host' };

/** Returns an error with advice if `error` means that listening failed, and any other error unchanged. */
export function portError(error: unknown, { host, port }: Place, flags = gatewayFlags): unknown {
  const sentence = sentences[codeOf(error) ?? ''];
  return sentence === undefined ? error : new Error(sentence({ host, port }, flags), { cause: error });
}

const sentences: Readonly<Record<string, (place: Place, flags: typeof gatewayFlags) => string>> = {
  EADDRINUSE: (place, { port }) =>
    `${port} ${place.port}: another process already listens on ${formatAddress(place)}. Stop it, or give another ${port} ` +
    '(0 takes a free one)',
  EACCES: (place, { port }) =>
    `${port} ${place.port}: this user may not listen on ${formatAddress(place)}. Give a ${port} of 1024 or more`,
  EADDRNOTAVAIL: ({ host }, flags) =>
    `${flags.host} ${host}: this machine has no such address. Give an address of this machine, or 0.0.0.0 for all of them`,
  ENOTFOUND: unknownName,
  EAI_AGAIN: unknownName,
};

function unknownName({ host }: Place, flags: typeof gatewayFlags): string {
  return `${flags.host} ${host}: this name cannot be looked up. Give an address of this machine, or 0.0.0.0 for all of them`;
}

function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code !== undefined) return code;
  }
  return undefined;
}

export interface KeptPort {
  port: number;
  /** Frees the port, so that its server can listen on it. */
  release(): Promise<void>;
}

/** Reserves a port: listens on it, and closes each connection at once. So a port in use is noticed before anything is loaded. */
export async function keepPort({ host, port }: Place): Promise<KeptPort> {
  const server = createServer((socket) => socket.destroy());
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async release() {
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
