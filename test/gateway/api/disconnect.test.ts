import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { MODEL, openRoom, type Room, until } from './harness.ts';

/** Sends a request on a new socket, which reads nothing until the test says so. */
function send(room: Room, fields: object): Socket {
  const body = JSON.stringify({ model: MODEL, prompt: 'hello', max_tokens: 2000, ...fields });
  const socket = connect(room.server.port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  socket.pause();
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return socket;
}

test.each([
  ['streamed', { stream: true }],
  ['not streamed', {}],
])('a generation ends at once if the client leaves its answer (%s)', async (_, fields) => {
  const room = await openRoom({ stepMs: 5 });
  const socket = send(room, fields);
  socket.resume();
  await until(() => room.engine.produced > 3);
  const produced = room.engine.produced;
  socket.destroy();
  await until(() => room.engine.open === 0);
  expect(room.engine.cancelled).toBe(1);
  expect(room.engine.produced - produced).toBeLessThan(40);
  await until(() => room.logs.some(({ status, error }) => status === 499 && error === 'client_closed'));
});

test('a client that leaves while the gateway reads its grammar is logged with the status 499', async () => {
  const room = await openRoom({ stepMs: 5 });
  const rules = Array.from({ length: 900 }, (_, i) => `r${i} ::= [a-z]{1,9} r${i + 1} | "x"`);
  const grammar = ['root ::= r0', ...rules, 'r900 ::= "end"'].join('\n');
  const socket = send(room, { guided_grammar: grammar });
  await new Promise((resolve) => socket.once('connect', () => setTimeout(resolve, 20)));
  socket.destroy();
  await until(() => room.logs.some(({ status }) => typeof status === 'number'));
  expect(room.logs.filter(({ status }) => typeof status === 'number')).toMatchObject([
    { status: 499, error: 'client_closed' },
  ]);
});

test('a client that leaves during a long prefill ends the generation', async () => {
  const room = await openRoom({ prefillMs: 10_000 });
  const socket = send(room, { stream: true });
  await until(() => room.engine.open === 1);
  socket.destroy();
  await until(() => room.engine.open === 0);
  expect(room.engine.cancelled).toBe(1);
});

/** A request for many choices with 20 alternatives for each token. The answer soon fills the buffers of the sockets. */
const CHOICES = 100;
const large = { stream: true, logprobs: 20, max_tokens: 1_000_000, prompt: Array(CHOICES).fill('x') };

async function stalled(room: Room): Promise<Socket> {
  const socket = send(room, large);
  let before = -1;
  await until(() => room.engine.produced > 1000);
  // Waits until the engine pauses, because the client reads nothing.
  for (let still = 0; still < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    still = room.engine.produced === before ? still + 1 : 0;
    before = room.engine.produced;
  }
  return socket;
}

test('a client that reads nothing pauses its generation, which ends when the client leaves', async () => {
  const room = await openRoom({ context: 2_000_000 });
  const socket = await stalled(room);
  expect(room.engine.open).toBe(CHOICES);
  socket.destroy();
  await until(() => room.engine.open === 0);
  expect(room.engine.cancelled).toBe(CHOICES);
});

test('the generation ends if the client reads nothing for too long', async () => {
  const room = await openRoom({ context: 2_000_000, limits: { stallMs: 300 } });
  const socket = send(room, large);
  await until(() => room.logs.some(({ error }) => error === 'reader_stalled'), 15_000);
  await until(() => room.engine.open === 0);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.resume();
  await until(() => text.includes('reader_stalled'));
  expect(text).not.toContain('[DONE]');
  socket.destroy();
});

test('the connection of a client that never reads again is closed', async () => {
  const limits = { stallMs: 300 };
  const room = await openRoom({ context: 2_000_000, limits, connections: { unreadMs: 600 } });
  const socket = send(room, large);
  await until(() => room.server.open === 1);
  await until(() => room.server.open === 0);
  expect(room.engine.open).toBe(0);
  expect(room.logs.filter(({ status }) => status !== undefined)).toMatchObject([{ error: 'reader_stalled' }]);
  // The end of the connection reaches a client only after the bytes before it.
  socket.resume();
  await until(() => socket.destroyed);
});

test('a client that leaves before its body has arrived is logged, but not as a server error', async () => {
  const room = await openRoom();
  const socket = connect(room.server.port, '127.0.0.1');
  socket.write(
    'POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"model"',
  );
  await until(() => room.server.open === 1);
  socket.destroy();
  await until(() => room.logs.some(({ status }) => status === 499));
  expect(room.engine.requests).toEqual([]);
});
