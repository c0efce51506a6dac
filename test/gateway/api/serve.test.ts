import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { type ApiServer, type App, type ConnectionLimits, serve } from '../../../gateway/api/serve.ts';
import { JSON_TYPE, MODEL, openRoom, readEvents, tokenizer, until } from './harness.ts';

const request = (fields: object = {}) => ({
  method: 'POST',
  headers: JSON_TYPE,
  body: JSON.stringify({ model: MODEL, prompt: 'hello', max_tokens: 20, ...fields }),
});

test('a closing server completes requests in progress, and accepts no new ones', async () => {
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

test('requests that have not ended after the grace period are cut, and their generations stop', async () => {
  const room = await openRoom({ stepMs: 10 });
  const plain = fetch(`${room.url}/v1/completions`, request({ max_tokens: 2000 }));
  const refused = expect(plain).rejects.toThrow();
  await until(() => room.engine.open === 1);
  expect(await room.server.close(50)).toBe(1);
  await refused;
  await until(() => room.engine.open === 0);
});

test('idle connections do not delay closing', async () => {
  const room = await openRoom();
  const silent = connect(room.server.port, '127.0.0.1');
  await once(silent, 'connect');
  await (await fetch(`${room.url}/health`)).text();
  await room.server.close(3_600_000);
});

interface Spoken {
  socket: Socket;
  /** The text received so far. */
  text: () => string;
}

async function speak(port: number): Promise<Spoken> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (piece) => {
    text += piece.toString();
  });
  socket.on('error', () => {}); // some tests expect a reset
  await once(socket, 'connect');
  return { socket, text: () => text };
}

const line = 'GET /health HTTP/1.1\r\nhost: x\r\n';
const app: App = { fetch: () => new Response('well') };
const opened: ApiServer[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close(0);
});
async function open(connections: Partial<ConnectionLimits>, handler = app): Promise<ApiServer> {
  const server = await serve({ app: handler, port: 0, connections });
  opened.push(server);
  return server;
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('an idle connection is kept for the time in its Keep-Alive header, and answers again', async () => {
  const { port } = await open({ keepAliveMs: 1_000, headersMs: 300, requestMs: 300 });
  const { socket, text } = await speak(port);
  socket.write(`${line}\r\n`);
  await until(() => text().includes('well'));
  expect(text()).toMatch(/^connection: keep-alive\r\nkeep-alive: timeout=1\r$/im);
  // Longer than `requestMs`. This is allowed, because the time of the next request begins with its first byte.
  await pause(700);
  socket.write(`${line}\r\n`);
  await until(() => text().split('well').length === 3);
  const from = performance.now();
  await once(socket, 'close');
  expect(performance.now() - from).toBeGreaterThan(900);
});

test('above the limit, the longest-idle connection is closed, but never one with an open request', async () => {
  let answer = (): void => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { port } = await open(
    { idle: 2 },
    {
      fetch: ({ url }) =>
        url.endsWith('/held') ? held.then(() => new Response('well')) : new Response('well'),
    },
  );
  const busy = await speak(port);
  busy.socket.write(`${line.replace('/health', '/held')}\r\n`);
  const [first, second] = [await speak(port), await speak(port)];
  first.socket.write(`${line}\r\n`); // now the second connection has been idle longest
  await until(() => first.text().includes('well'));
  const third = await speak(port);
  await until(() => second.socket.destroyed || second.socket.readableEnded);
  third.socket.write(`${line}\r\n`);
  await until(() => third.text().includes('well'));
  expect([first, third, busy].map(({ socket }) => socket.destroyed)).toEqual([false, false, false]);
  answer();
  await until(() => busy.text().includes('well'));
});

test('a drain closes idle connections that have had an answer, and answers all others once', async () => {
  const server = await open({});
  const [kept, fresh] = [await speak(server.port), await speak(server.port)];
  kept.socket.write(`${line}\r\n`);
  await until(() => kept.text().includes('well'));
  server.drain();
  await once(kept.socket, 'close');
  const late = await speak(server.port);
  for (const { socket, text } of [fresh, late]) {
    socket.write(`${line}\r\n`);
    await once(socket, 'close');
    expect(text()).toMatch(/^connection: close\r[\s\S]*well$/im);
  }
});

test('a slow upload is accepted within requestMs, and ended after it', async () => {
  const handler = { fetch: async (request: Request) => new Response(await request.text()) };
  const { port } = await open({ requestMs: 1_000, headersMs: 300 }, handler);
  const post = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n';
  const [slow, slower, headless, silent] = await Promise.all([1, 2, 3, 4].map(() => speak(port)));
  slow?.socket.write(post);
  slower?.socket.write(post);
  headless?.socket.write(line);
  for (const letter of 'uploaded') {
    await pause(80);
    slow?.socket.write(letter);
  }
  await until(() => slow?.text().endsWith('uploaded') === true);
  const late = /^HTTP\/1\.1 408 [\s\S]*\r\n\r\n\{"error":\{"message":"Your request did not arrive in time\."/;
  await until(() => [slower, headless, silent].every((each) => late.test(each?.text() ?? '')));
});

test('a connection is cut if its client takes no bytes of an answer, but not while the answer is computed', async () => {
  const handler: App = {
    fetch: async ({ url }) => {
      if (url.endsWith('/slow')) await pause(1_000);
      return new Response(url.endsWith('/large') ? 'x'.repeat(2 ** 25) : 'well');
    },
  };
  const server = await open({ unreadMs: 300 }, handler);
  const [reading, silent] = [await speak(server.port), await speak(server.port)];
  silent.socket.pause();
  silent.socket.write(`${line.replace('/health', '/large')}\r\n`);
  reading.socket.write(`${line.replace('/health', '/slow')}\r\n`);
  await until(() => reading.text().includes('well'));
  await until(() => server.open === 0);
  reading.socket.write(`${line}\r\n`);
  await until(() => reading.text().split('well').length === 3);
});

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['two lengths', `${line}content-length: 1\r\ncontent-length: 2\r\n\r\n`, 400],
  ['endless headers', `${line}a: ${'x'.repeat(20_000)}`, 431],
])('input with %s gets an error in OpenAI’s shape', async (_what, sent, status) => {
  const { port } = await open({});
  const { socket, text } = await speak(port);
  socket.write(sent);
  await once(socket, 'close');
  const [head = '', body = ''] = text().split('\r\n\r\n');
  expect(head).toMatch(
    new RegExp(`^HTTP/1.1 ${status} .*content-type: application/json.*connection: close`, 's'),
  );
  expect(JSON.parse(body)).toMatchObject({ error: { type: 'invalid_request_error', param: null } });
});

test('an answer in progress when the server closes has the header connection: close', async () => {
  const room = await openRoom({ stepMs: 5 });
  const plain = fetch(`${room.url}/v1/completions`, request());
  await until(() => room.engine.open === 1);
  const closed = room.server.close(10_000);
  expect((await plain).headers.get('connection')).toBe('close');
  await closed;
});

test('a second close returns the result of the first', async () => {
  const room = await openRoom();
  await Promise.all([room.server.close(1000), room.server.close(0)]);
  await room.server.close(0);
});

test('a new connection for /health is not accepted behind the long work of connections that arrived before it', async () => {
  let encoded = 0;
  const slow: typeof tokenizer = {
    ...tokenizer,
    encode(prompt, options) {
      const endMs = performance.now() + 2;
      while (performance.now() < endMs);
      encoded++;
      return tokenizer.encode(prompt, options);
    },
  };
  const room = await openRoom({ tokenizer: slow });
  const dial = (request: string) => {
    const socket = connect(room.server.port, '127.0.0.1');
    socket.write(request);
    return text(socket);
  };
  const { body } = request({ max_tokens: 1 });
  const length = `content-type: application/json\r\ncontent-length: ${body.length}\r\n`;
  const post = `POST /v1/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${length}\r\n${body}`;
  const others = Array.from({ length: 120 }, () => dial(post));
  expect(await dial(`${line}connection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 200/);
  // Node accepts one connection in each turn of the event loop. A whole slice has time for all the work of a request, a short one for one
  // of its three parts: to parse, to check and to plan, which tokenizes.
  expect(encoded).toBeLessThan(100);
  for (const answer of await Promise.all(others)) expect(answer).toMatch(/^HTTP\/1.1 200/);
  expect(encoded).toBe(120);
});

test('serve rejects if the port is taken', async () => {
  const room = await openRoom();
  await expect(serve({ app, port: room.server.port })).rejects.toThrow(/EADDRINUSE/);
});

test('a request without a valid URL gets an error in OpenAI’s shape', async () => {
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

test.each(['/health', '/health/ready', '/metrics', '/v1/models'])(
  'an HTTP/1.0 request for %s needs no Host, as HAProxy sends none, but an HTTP/1.1 request does',
  async (path) => {
    const room = await openRoom({ api: { hosts: { loopback: true } } });
    const ask = async (head: string) => {
      const { socket, text } = await speak(room.server.port);
      socket.write(`GET ${path} ${head}\r\n\r\n`);
      await once(socket, 'close');
      return Number(text().split(' ')[1]);
    };
    expect(await ask('HTTP/1.0')).toBe(200);
    expect(await ask('HTTP/1.0\r\nhost: evil.example')).toBe(403);
    expect(await ask('HTTP/1.0\r\nhost:')).toBe(403);
    expect(await ask('HTTP/1.1\r\nconnection: close')).toBe(400);
  },
);

test('a stream is sent in chunks to an HTTP/1.1 client, and up to the end of the connection to an HTTP/1.0 client', async () => {
  const room = await openRoom();
  const body = JSON.stringify({ model: MODEL, prompt: 'hello', max_tokens: 3, stream: true });
  const answers = await Promise.all(
    ['1.0', '1.1'].map(async (version) => {
      const { socket, text } = await speak(room.server.port);
      const head = ['host: gateway', 'content-type: application/json', `content-length: ${body.length}`];
      socket.write(
        `POST /v1/completions HTTP/${version}\r\n${head.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`,
      );
      await once(socket, 'close');
      return text();
    }),
  );
  const [old = '', current = ''] = answers;
  for (const answer of answers) expect(answer).toContain('data: [DONE]\n\n');
  expect(old).not.toMatch(/transfer-encoding/i);
  expect(old.endsWith('data: [DONE]\n\n')).toBe(true);
  expect(current).toMatch(/^transfer-encoding: chunked\r$/im);
  expect(current.endsWith('0\r\n\r\n')).toBe(true);
});
