// The errors of `expertgrid chat` if a gateway needs an API key or refuses it.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ChatClient } from '../../../cli/chat/client.ts';

async function refusing(): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(401, { 'content-type': 'application/json' });
    response.end('{"error": {"message": "Incorrect API key provided."}}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each([
  [undefined, /^the gateway at http:\S+ needs an API key: give yours as EXPERTGRID_API_KEY or --api-key$/],
  ['eg-wrong', /^the gateway at http:\S+ does not know this API key: .* Give another as EXPERTGRID_API_KEY/],
])('a 401 answer to the API key %s becomes an error with advice', async (apiKey, told) => {
  const client = new ChatClient({ url: await refusing(), apiKey });
  await expect(client.models()).rejects.toThrow(told);
});
