import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { serve } from '../../../gateway/api/serve.ts';
import { JSON_TYPE, MODEL, openRoom, readEvents, until } from './harness.ts';

const request = (fields: object = {}) => ({
  method: 'POST',
  headers: JSON_TYPE,
  body: JSON.stringify({ model: MODEL, prompt: 'hello', max_tokens: 20, ...fields }),
});

test('closing lets requests under way end, and takes no new ones', async () => {
  const room = await openRoom({ stepMs: 10 });
  const plain = fetch(`${room.url}/v1/completions`, request());
  const streamed = await fetch(`${room.url}/v1/completions`, request({ stream: true }));
  await until(() => room.engine.open === 2);
  const closed = room.server.close(10_000);
  await expect(fetch(`${room.url}/health`)).rejects.toThrow();
  expect((await plain).status).toBe(200);
  expect((await readEvents(streamed)).done).toBe(true);
  expect(await closed).toBe(0);
  expect(room.engine.cancelled).toBe(0);
  expect(room.server.open).toBe(0);
});

test('what has not ended in time is cut, and its work stopped', async () => {
  const room = await openRoom({ stepMs: 10 });
  const plain = fetch(`${room.url}/v1/completions`, request({ max_tokens: 2000 }));
  const refused = expect(plain).rejects.toThrow();
  await until(() => room.engine.open === 1);
  const from = performance.now();
  expect(await room.server.close(50)).toBe(1);
  expect(performance.now() - from).toBeLessThan(2000);
  await refused;
  await until(() => room.engine.open === 0);
});

test('idle connections do not hold a closing server open', async () => {
  const room = await openRoom();
  const silent = connect(room.server.port, '127.0.0.1');
  await once(silent, 'connect');
  await (await fetch(`${room.url}/health`)).text();
  const from = performance.now();
  await room.server.close(60_000);
  expect(performance.now() - from).toBeLessThan(2000);
});

test('closing again is the same closing', async () => {
  const room = await openRoom();
  await Promise.all([room.server.close(1000), room.server.close(0)]);
  await room.server.close(0);
});

test('a taken port is an error, not a hang', async () => {
  const room = await openRoom();
  const app = { fetch: () => new Response('') };
  await expect(serve({ app, port: room.server.port })).rejects.toThrow(/EADDRINUSE/);
});

test('a request that makes no URL is refused in the envelope', async () => {
  const room = await openRoom();
  const socket = connect(room.server.port, '127.0.0.1');
  socket.write('GET /v1\\models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  await once(socket, 'end');
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  expect(text).toContain('"type":"invalid_request_error","param":null,"code":null');
});
