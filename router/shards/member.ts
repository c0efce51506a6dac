// Members of a fleet: where a shard runs, at an address or in this process, and how to connect to it.
import type { RunAnswer, RunRequest } from '../../experts/wire/run.ts';
import { type Address, formatAddress } from '../../rpc/address.ts';
import { openLocalTransport } from '../../rpc/local.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';
import type { Handlers, Params, Transport, TransportEvents } from '../../rpc/transport.ts';

export interface Member {
  /** Names the member in status and logs. */
  readonly address: string;
  /** An abort of `signal` ends the attempt. */
  connect(options: TransportEvents & { hello: Params; signal: AbortSignal }): Promise<Transport>;
  /** Only for a shard in this thread: a function that is called instead of sending `expert.run`. */
  readonly run?: (request: RunRequest) => Promise<RunAnswer>;
}

export function socketMember(address: Address): Member {
  return {
    address: formatAddress(address),
    connect: (options) => openSocketTransport(address, options),
  };
}

/** `name` replaces the address. `handlers` and `run` belong to a shard service. Without `run`, `expert.run` messages are sent. */
export function localMember(name: string, handlers: Handlers, run?: Member['run']): Member {
  return {
    address: name,
    connect: ({ signal: _, ...options }) => openLocalTransport(handlers, options),
    ...(run !== undefined && { run }),
  };
}
