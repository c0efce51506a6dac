// Bodies of methods for which Node states no length must not reach a gateway as another request.
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { serve } from '../../../gateway/api/serve.ts';
import { createNodeEdge, nodeAsk } from '../../../infra/edge/node.ts';
import { onlyRegion } from '../../../infra/edge/regions/regions.ts';
import { afterFile } from '../../support/after-file.ts';
import { startStandIn } from './stand-in.ts';

const inner = 'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}';

it.each(['OPTIONS', 'DELETE', 'PUT', 'PATCH', 'GET'])('the body of %s is not relayed', async (method) => {
  const gateway = await startStandIn();
  const regions = onlyRegion('eu', [gateway.url]);
  const edge = createNodeEdge({ regions, region: 'eu', secret: () => 'k'.repeat(48), log: () => {} });
  afterFile(async () => edge.close());
  await edge.checked;
  const server = await serve({ app: edge, host: '127.0.0.1', port: 0 });
  afterFile(() => server.close(0));
  const socket = connect(server.port, '127.0.0.1');
  socket.write(
    `${method} /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`,
  );
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    socket.on('close', () => resolve(text));
  });
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
  expect(gateway.seen.map((seen) => [seen.method, seen.url, seen.own])).toEqual([[method, '/v1/models', '']]);
});

it('a request with a body states its length, whatever its method is', async () => {
  const gateway = await startStandIn();
  const { ask, close } = nodeAsk();
  afterFile(async () => close());
  const body = new TextEncoder().encode(inner);
  const signal = AbortSignal.timeout(5_000);
  await ask(`${gateway.url}/v1/models`, { method: 'DELETE', headers: new Headers(), body, signal });
  expect(gateway.seen.map((seen) => [seen.method, seen.own])).toEqual([['DELETE', inner]]);
});
