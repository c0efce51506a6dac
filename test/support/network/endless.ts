// A server in front of a gateway that adds `ignore_eos` to every request, so that no answer ends by itself. Tests use it for
// clients that cannot send this field.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterFile } from '../after-file.ts';

/** Resolves to the URL of the server, which ends after the test file. */
export async function startEndless(gateway: string): Promise<string> {
  const server = createServer((request, response) => {
    forward(gateway, request, response).catch((error) => response.destroy(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterFile(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** If the client leaves, the request at the gateway is aborted too. */
async function forward(gateway: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '/', method = 'GET' } = request;
  const left = new AbortController();
  response.on('close', () => left.abort());
  const fields = method === 'POST' ? await json(request) : undefined;
  const answer = await fetch(`${gateway}${url}`, {
    method,
    signal: left.signal,
    ...(fields !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...fields, ignore_eos: true }),
    }),
  });
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
  if (answer.body === null) response.end();
  else await pipeline(answer.body, response);
}
