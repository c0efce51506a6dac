// The gateways that are connected to a shard. There are none before the shard listens.
import type { Caller } from '../../experts/leave.ts';
import type { RpcServer } from '../../rpc/socket/server.ts';
import type { Params } from '../../rpc/transport.ts';

export class Gateways {
  #server: RpcServer | undefined;

  connectTo(server: RpcServer): void {
    this.#server = server;
  }

  callers(): readonly Caller[] {
    return this.#server?.callers() ?? [];
  }

  broadcast(method: string, params: Params): void {
    this.#server?.broadcast(method, params);
  }
}
