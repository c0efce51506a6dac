import { listen, type RpcServer } from '../../rpc/socket/server.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Transport } from '../../rpc/transport.ts';
import { describeTransport } from './transport.cases.ts';

const servers: RpcServer[] = [];
const opened: Transport[] = [];

describeTransport('over sockets', {
  async serve(handlers, options) {
    const server = await listen({ handlers, ...options });
    servers.push(server);
    return {
      server,
      async open(to) {
        const transport = await openSocketTransport(server.address, to);
        opened.push(transport);
        return transport;
      },
    };
  },
  async close() {
    for (const transport of opened.splice(0)) transport.close();
    await Promise.all(servers.splice(0).map((server) => server.close({ graceMs: 100 })));
  },
});
