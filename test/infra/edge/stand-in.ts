// A real HTTP server in place of a gateway, whose answers the test writes.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { StreamRecord } from '../../../resume/record.ts';
import { CLAIMS_HEADER, type Claims } from '../../../resume/signed-request.ts';
import { afterFile } from '../../support/after-file.ts';
import { splitBody } from './record-stream.ts';

export interface Seen {
  method: string;
  url: string;
  headers: Headers;
  /** All bytes of the body. */
  bytes: Buffer;
  record?: StreamRecord;
  /** The client's body. */
  own: string;
  claims: Partial<Claims>;
}

export type Handle = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void | Promise<void>;

export const eventStream = { 'content-type': 'text/event-stream; charset=utf-8' };

export interface StandIn {
  url: string;
  /** The requests except health checks. */
  seen: Seen[];
  handle: Handle;
  /** Answer to health checks. Undefined: none. */
  ready: number | undefined;
  stop(): Promise<void>;
  /** Listens again at the same address after `stop`. */
  restart(): Promise<void>;
}

export async function startStandIn(
  handle: Handle = (_, response) => void response.end('{}'),
): Promise<StandIn> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    if (url.startsWith('/health')) {
      if (self.ready !== undefined) response.writeHead(self.ready).end('{}');
      return;
    }
    const headers = new Headers(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const bytes = await buffer(request);
    const claims = JSON.parse(headers.get(CLAIMS_HEADER) ?? '{}');
    const seen = { method, url, headers, bytes, claims, ...splitBody(headers, bytes) };
    self.seen.push(seen);
    await self.handle(seen, response, request);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const self: StandIn = {
    url: `http://127.0.0.1:${port}`,
    seen: [],
    handle,
    ready: 200,
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    restart: () => listen(port),
  };
  afterFile(() => self.stop());
  return self;
}
