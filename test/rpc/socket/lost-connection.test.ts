import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../rpc/codec.ts';
import { FrameSplitter } from '../../../rpc/frame.ts';
import { openSocketTransport } from '../../../rpc/socket/socket-transport.ts';
import type { Value } from '../../../rpc/transport.ts';
import { framed } from '../framed.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A peer that answers hello. `onCall` gets every other call, the socket of the call, and the other socket of its caller. */
async function openTo(onCall: (answer: (result: Value) => void, own: Socket, other: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const splitter = new FrameSplitter();
    socket.on('data', (chunk) => {
      for (const message of splitter.push(chunk).map(decodeMessage)) {
        if (message.type !== 'request') continue;
        const answer = (result: Value) => {
          socket.write(framed(encodeMessage({ type: 'response', id: message.id, error: undefined, result })));
        };
        if (message.method === 'hello') answer({ instance: 'peer' });
        else onCall(answer, socket, sockets.find((each) => each !== socket)!);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  let lost = 0;
  const transport = await openSocketTransport(
    { host: '127.0.0.1', port: address.port },
    { hello: { protocol: 1 }, onClose: () => lost++ },
  );
  closing.push(() => {
    transport.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { transport, lost: () => lost };
}

test('an answer that is on its way counts, although the other connection to the peer is lost before', async () => {
  const { transport, lost } = await openTo((answer, _, other) => {
    other.destroy();
    setTimeout(() => answer('late'), 10);
  });
  await expect(transport.call('drain', {}, { deadlineMs: 2_000 })).resolves.toBe('late');
  expect(lost()).toBe(1);
  const later = transport.call('drain', {}, { deadlineMs: 2_000 });
  await expect(later).rejects.toMatchObject({ code: 'unavailable' });
});

test('a call that is not answered fails soon after the other connection is lost', async () => {
  const { transport } = await openTo((_, __, other) => void other.destroy());
  const from = performance.now();
  const call = transport.call('drain', {}, { deadlineMs: 20_000 });
  await expect(call).rejects.toMatchObject({
    code: 'unavailable',
    message: 'the peer closed the connection',
  });
  expect(performance.now() - from).toBeLessThan(5_000);
});
