// Clients that leave before their request has reached a gateway.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { NotSent } from '../../../../infra/edge/ask.ts';
import { nodeAsk } from '../../../../infra/edge/node.ts';
import { onlyRegion } from '../../../../infra/edge/regions/regions.ts';
import { afterFile } from '../../../support/after-file.ts';
import { eventually } from '../../../support/process.ts';
import { type Json, openEdge } from '../accounts/edge-with-accounts.ts';
import { startStandIn } from '../stand-in.ts';

/** A gateway that accepts connections, but never answers a TLS handshake, so that no request can be sent to it. */
async function startMute() {
  const sockets = new Set<{ destroy(): unknown }>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket.on('error', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterFile(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, connections: () => connections };
}

const asked = (signal: AbortSignal) => ({
  ...{ method: 'POST', headers: new Headers(), signal },
  body: new TextEncoder().encode('{}'),
});

it('a request that is aborted is known to be unsent only if the gateway has not got all of it', async () => {
  const { ask, close } = nodeAsk();
  afterFile(async () => close());
  const [mute, working] = [await startMute(), await startStandIn(() => {})];
  const early = new AbortController();
  const unsent = expect(ask(mute.url, asked(early.signal))).rejects.toBeInstanceOf(NotSent);
  await eventually(() => mute.connections() === 1);
  early.abort();
  await unsent;
  const late = new AbortController();
  const sent = expect(ask(working.url, asked(late.signal))).rejects.not.toBeInstanceOf(NotSent);
  await eventually(() => working.seen.length === 1);
  late.abort();
  await sent;
});

it('nothing is counted if the client leaves before its request is sent', async () => {
  const mute = await startMute();
  const regions = onlyRegion('eu', [mute.url]);
  const edge = await openEdge({ regions, everyMs: 600_000, patienceMs: 20 });
  const key = await edge.createKey({ name: 'hasty', budget: 1_000 });
  const leaving = new AbortController();
  const body = JSON.stringify({ model: 'nano', prompt: 'hi', max_tokens: 500 });
  const answer = edge.fetch('/v1/completions', { method: 'POST', key, body, signal: leaving.signal });
  // The edge asks for the models first, and waits 2 s for the answer.
  await eventually(async () => {
    const { regions: states } = (await edge.admin('GET', '/status')).body;
    return states[0].gateways[0].counts.requests === 1;
  });
  leaving.abort();
  await answer;
  await edge.settled();
  const { usage } = (await (await edge.fetch('/usage?by=request', { key })).json()) as Json;
  expect(usage).toEqual([
    expect.objectContaining({
      ...{ status: 499, regions: '', prompt_tokens: 0, generated_tokens: 0, estimated: 0 },
    }),
  ]);
});
