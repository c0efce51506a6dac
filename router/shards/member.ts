// The place of a shard: an address to connect to, or this process.
import type { RunAnswer, RunRequest } from '../../experts/wire/run.ts';
import { type Address, formatAddress } from '../../rpc/address.ts';
import { openLocalTransport } from '../../rpc/local.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Handlers, Params, Transport, TransportEvents } from '../../rpc/transport.ts';

export interface MemberConnectOptions extends TransportEvents {
  hello: Params;
  /** Gives up connecting. */
  signal: AbortSignal;
}

export interface Member {
  /** Name of the place in status and logs. */
  readonly address: string;
  connect(options: MemberConnectOptions): Promise<Transport>;
  /** Only for a shard in this very thread: does what a call of `expert.run` does, without a message. */
  readonly run?: (request: RunRequest) => Promise<RunAnswer>;
}

export function socketMember(address: Address): Member {
  return {
    address: formatAddress(address),
    connect: (options) => openSocketTransport(address, options),
  };
}

/**
 * `name` takes the place of an address. `handlers` and `run` belong to a shard service. Without `run`, rows are sent as
 * messages, as over a socket.
 */
export function localMember(name: string, handlers: Handlers, run?: Member['run']): Member {
  return {
    address: name,
    connect: ({ signal: _, ...options }) => openLocalTransport(handlers, options),
    ...(run !== undefined && { run }),
  };
}
