// A place where a shard may be, by socket or in this process. Both look alike from here on.
import type { RunAnswer, RunRequest } from '../../experts/wire.ts';
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
  /** Names the place in status and logs. */
  readonly address: string;
  connect(options: MemberConnectOptions): Promise<Transport>;
  /** Only of a shard in this very thread: what a call of `expert.run` gives, without a message. */
  readonly run?: (request: RunRequest) => Promise<RunAnswer>;
}

export function socketMember(address: Address): Member {
  return {
    address: formatAddress(address),
    connect: (options) => openSocketTransport(address, options),
  };
}

/**
 * `name` stands where a socket's address would; `handlers` are a shard service's, `run` is its short way for rows (without
 * it they travel as messages, as over a socket).
 */
export function localMember(name: string, handlers: Handlers, run?: Member['run']): Member {
  return {
    address: name,
    connect: ({ signal: _, ...options }) => openLocalTransport(handlers, options),
    ...(run !== undefined && { run }),
  };
}
