import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openLocalTransport, serveLocally } from '../../rpc/local.ts';
import type { Transport } from '../../rpc/transport.ts';
import { block, describeTransport, hello } from './transport.cases.ts';

const opened: Transport[] = [];

describeTransport('within one process', {
  async serve(handlers, options) {
    const server = serveLocally({ handlers, ...options });
    return {
      server,
      async open(to) {
        const transport = await server.connect(to);
        opened.push(transport);
        return transport;
      },
    };
  },
  async close() {
    for (const transport of opened.splice(0)) transport.close();
  },
});

test('a call in one process gets no timeout if its thread was blocked past the deadline', async () => {
  const late = async () => {
    await nextTurn();
    return 'in time';
  };
  const transport = await openLocalTransport({ hello, late }, { hello: {} });
  const call = transport.call('late', {}, { deadlineMs: 20 });
  block(60);
  expect(await call).toBe('in time');
});
