import { openLocalTransport } from '../../rpc/local.ts';
import type { Transport } from '../../rpc/transport.ts';
import { describeTransport } from './transport.cases.ts';

const opened: Transport[] = [];

describeTransport('within one process', {
  async open(handlers, { hello = {}, ...options } = {}) {
    const transport = await openLocalTransport(handlers, { hello, ...options });
    opened.push(transport);
    return transport;
  },
  async close() {
    for (const transport of opened.splice(0)) transport.close();
  },
});
