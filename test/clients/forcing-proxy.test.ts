// Tests the proxy that makes a model with random weights call a tool. It must change one field of one request and nothing else.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startForcingProxy, withForcedTool } from './forcing-proxy.ts';

describe('withForcedTool', () => {
  const chatTool = { type: 'function', function: { name: 'read' } };

  it.each([
    ['/v1/chat/completions', [chatTool], { type: 'function', function: { name: 'read' } }],
    ['/v1/responses', [{ type: 'function', name: 'read' }], { type: 'function', name: 'read' }],
    [
      '/v1/responses',
      [{ type: 'namespace', name: 'files', tools: [{ type: 'function', name: 'read' }] }],
      { type: 'function', name: 'read' },
    ],
    ['/v1/messages?beta=true', [{ name: 'read' }], { type: 'tool', name: 'read' }],
  ])('forces the tool in the syntax of %s', (path, tools, choice) => {
    const body = { tool_choice: 'auto', tools, model: 'm' };
    const changed = withForcedTool(path, JSON.stringify(body), ['none', 'read']);
    expect(JSON.parse(changed ?? '')).toEqual({ ...body, tool_choice: choice });
  });

  it.each([
    ['another path', '/v1/messages/count_tokens', { tools: [{ name: 'read' }] }],
    ['a request without tools', '/v1/messages', {}],
    ['a request without that tool', '/v1/messages', { tools: [{ name: 'write' }] }],
  ])('leaves %s unchanged', (_, path, body) => {
    expect(withForcedTool(path, JSON.stringify(body), ['read'])).toBeUndefined();
  });
});

describe('the proxy', () => {
  const got: { headers: IncomingMessage['headers']; body: string; url: string | undefined }[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const bytes = Buffer.concat(await request.toArray());
    got.push({ headers: request.headers, body: bytes.toString('latin1'), url: request.url });
    response.writeHead(418, { 'x-answer': 'kept' }).end('short and stout ä');
  });
  let target: string;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    target = `http://127.0.0.1:${address.port}`;
  });
  afterAll(() => {
    server.close();
  });

  it('forces the first request that offers the tool and passes all other requests on unchanged', async () => {
    const proxy = await startForcingProxy({ target, tools: ['read'] });
    const plain = '{ "model":"m" }';
    const offering = '{ "tools":[{"name":"read"}],  "n":1.0 }';
    for (const body of [plain, offering, offering]) {
      const response = await fetch(`${proxy.url}/v1/messages?beta=true`, { method: 'POST', body });
      expect([response.status, response.headers.get('x-answer')]).toEqual([418, 'kept']);
      expect(await response.text()).toBe('short and stout ä');
    }
    await proxy.close();
    expect(got.map(({ body }) => body)).toEqual([
      plain,
      '{"tools":[{"name":"read"}],"n":1,"tool_choice":{"type":"tool","name":"read"}}',
      offering,
    ]);
    expect(got.every(({ url }) => url === '/v1/messages?beta=true')).toBe(true);
    expect(proxy.exchanges.map(({ forced, body }) => [forced, body])).toEqual([
      [false, plain],
      [true, offering],
      [false, offering],
    ]);
  });

  it('reads a compressed body, and forwards it decoded only if it forces a tool', async () => {
    const proxy = await startForcingProxy({ target, tools: ['read'] });
    got.length = 0;
    const send = (text: string) =>
      fetch(`${proxy.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-encoding': 'gzip' },
        body: gzipSync(text),
      });
    await send('{}');
    await send('{"tools":[{"name":"read"}]}');
    await proxy.close();
    expect(got[0]).toMatchObject({
      body: gzipSync('{}').toString('latin1'),
      headers: { 'content-encoding': 'gzip' },
    });
    expect(got[1]?.headers).not.toHaveProperty('content-encoding');
    expect(got[1]?.body).toContain('tool_choice');
  });
});
