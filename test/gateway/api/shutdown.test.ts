// A server that shuts down: it refuses new requests, completes open requests, and ends those that take too long with an error.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { ApiError } from '../../../gateway/api/errors.ts';
import { createLoadingApi } from '../../../gateway/api/loading.ts';
import { serve } from '../../../gateway/api/serve.ts';
import { Shutdown, shuttingDown } from '../../../gateway/api/shutdown.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, readEvents, until } from './harness.ts';

const messages = [{ role: 'user', content: 'hello' }];
const endless = {
  '/v1/completions': { prompt: 'hello', max_tokens: 100_000 },
  '/v1/chat/completions': { messages, max_tokens: 100_000 },
  '/v1/responses': { input: 'hello', max_output_tokens: 100_000 },
  '/v1/messages': { messages, max_tokens: 100_000 },
};
type Path = keyof typeof endless;
const paths = Object.keys(endless) as Path[];

const ask = ({ url }: Room, path: Path, fields: object = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ model: MODEL, ...endless[path], ...fields }),
  });

/** Name and data of the last event. */
async function lastEvent(response: Response): Promise<[name: string | undefined, data: unknown]> {
  const block = (await response.text()).trimEnd().split('\n\n').at(-1) ?? '';
  const [, name] = /^event: (.*)$/m.exec(block) ?? [];
  return [name, JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '')];
}

test('requests that are still open at the end get an error in the shape of their API, and the error is logged', async () => {
  const shutdown = new Shutdown();
  const room = await openRoom({ stepMs: 1, context: 200_000, api: { shutdown } });
  const streams = await Promise.all(paths.map((path) => ask(room, path, { stream: true })));
  const whole = paths.map((path) => ask(room, path));
  await until(() => room.engine.open === 8);
  shutdown.cut(shuttingDown());

  const message = 'The server is shutting down.';
  const error = { message, type: 'server_error', param: null, code: 'shutting_down' };
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(await Promise.all(streams.map(lastEvent))).toMatchObject([
    [undefined, { error }],
    [undefined, { error }],
    ['response.failed', { response: { status: 'failed', error: { message } } }],
    ['error', { type: 'error', error: { type: 'api_error', message } }],
  ]);
  const answers = await Promise.all(whole);
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
  expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual(['1', '1', '1', '1']);
  expect(await Promise.all(answers.map((answer) => answer.json()))).toMatchObject([
    { error },
    { error },
    { error },
    { type: 'error', error: { type: 'api_error', message } },
  ]);
  await until(() => room.engine.open === 0 && room.server.open === 0);
  const lines = room.logs.filter(({ msg }) => msg === 'request');
  expect(lines.map(({ status, error: code }) => [status, code])).toEqual(
    Array.from({ length: 8 }, () => [503, 'shutting_down']),
  );
});

test('a server that shuts down refuses new requests, answers probes, and completes open requests', async () => {
  const shutdown = new Shutdown();
  const room = await openRoom({ stepMs: 1, context: 200_000, api: { shutdown } });
  const stream = await ask(room, '/v1/completions', { stream: true, max_tokens: 50 });
  const kept = await ask(room, '/v1/completions', { max_tokens: 1 });
  await kept.text();
  shutdown.refuse();
  room.server.drain();

  const refused = await Promise.all(paths.map((path) => ask(room, path)));
  for (const { status, headers } of refused) {
    expect([status, headers.get('retry-after'), headers.get('connection')]).toEqual([503, '1', 'close']);
  }
  const statusOf = async (path: string) => (await fetch(room.url + path)).status;
  const probes = [
    '/health',
    '/v1/health',
    '/metrics',
    '/metrics/engine',
    '/health/ready',
    '/v1/health/ready/',
    '/peer',
    '/v1/models',
  ];
  expect(await Promise.all(probes.map(statusOf))).toEqual([200, 200, 200, 200, 503, 503, 503, 503]);
  expect((await readEvents(stream)).done).toBe(true);
  expect(await room.server.idle(60_000)).toBe(true);
});

test('an upload gets an error before its connection ends', async () => {
  const shutdown = new Shutdown();
  const room = await openRoom({ api: { shutdown } });
  const socket = connect(room.server.port, '127.0.0.1');
  const text = new Promise<string>((resolve) => {
    let all = '';
    socket.on('data', (piece) => {
      all += piece.toString();
      if (all.includes('\r\n\r\n{')) resolve(all);
    });
  });
  socket.on('error', () => {}); // the server does not read the rest of the upload
  await once(socket, 'connect');
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"model":`,
  );
  await until(() => room.server.open === 1);
  room.server.drain();
  shutdown.cut(shuttingDown());
  expect(await text).toMatch(/^HTTP\/1\.1 503 [\s\S]*connection: close[\s\S]*"shutting_down"/i);
  socket.destroy();
});

test('requests that arrive after cut() get its error; if cut() was called twice, they get the first error', async () => {
  const shutdown = new Shutdown();
  const failed = new ApiError({ status: 500, message: 'It broke.', type: 'server_error', code: 'internal' });
  shutdown.cut(failed);
  shutdown.cut(shuttingDown());
  await expect(shutdown.during(new Promise(() => {}))).rejects.toBe(failed);
});

test('a server that loads its models is alive but not ready, and tells clients to retry', async () => {
  const server = await serve({ app: createLoadingApi(['nano']), port: 0 });
  const url = `http://127.0.0.1:${server.port}`;
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { headers });
    return {
      status: response.status,
      retry: response.headers.get('retry-after'),
      body: await response.json(),
    };
  };
  expect(await get('/health')).toEqual({ status: 200, retry: null, body: { status: 'ok' } });
  const reason = 'The server is loading nano.';
  const notReady = { status: 'not_ready', reason, missing: [] };
  expect(await get('/v1/health/ready')).toEqual({ status: 503, retry: null, body: notReady });
  expect(await get('/v1/models')).toMatchObject({
    status: 503,
    retry: '2',
    body: { error: { code: 'loading', message: `${reason} Try again.` } },
  });
  expect(await get('/v1/messages')).toMatchObject({
    status: 503,
    body: { type: 'error', error: { type: 'api_error' } },
  });
  await server.close(0);
});
