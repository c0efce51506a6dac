// A transport over sockets: two connections to one peer, so that a short call never waits behind bulk rows. Knows hello
// only as the first message of each.
import { type Address, formatAddress } from './address.ts';
import { type Connection, type ConnectionOptions, openConnection } from './connection.ts';
import { RpcError } from './errors.ts';
import { isMap } from './messages.ts';
import type { Params, Transport, Value } from './transport.ts';

export interface SocketTransportOptions extends ConnectionOptions {
  /** Parameters of the hello that opens each connection. */
  hello: Params;
  helloMs?: number;
}

/** Rejects if either connection cannot be made or either hello is refused. */
export async function openSocketTransport(
  address: Address,
  { hello, helloMs = 5_000, onClose, ...options }: SocketTransportOptions,
): Promise<Transport> {
  const connections: Connection[] = [];
  let open = false;
  let ended: RpcError | undefined;

  function end(error: RpcError): void {
    if (ended !== undefined) return;
    ended = error;
    for (const connection of connections) connection.close();
    if (open) onClose?.(error);
  }

  async function connectOnce(events: Pick<ConnectionOptions, 'onNotification'>) {
    const connection = await openConnection(address, { ...options, ...events, onClose: end });
    connections.push(connection);
    if (ended !== undefined) connection.close();
    const greeting = await connection.call('hello', hello, { deadlineMs: helloMs });
    return { connection, greeting };
  }

  const { onNotification } = options;
  const attempts = await Promise.allSettled([
    connectOnce(onNotification === undefined ? {} : { onNotification }),
    connectOnce({ onNotification: () => {} }), // the peer tells every connection; once is enough
  ]);
  const [short, bulk] = attempts;
  if (short.status === 'rejected' || bulk.status === 'rejected' || ended !== undefined) {
    const failure = [short, bulk].find((attempt) => attempt.status === 'rejected');
    const error = ended ?? failure?.reason;
    end(new RpcError('unavailable', 'connecting failed'));
    throw error;
  }
  if (instanceOf(short.value.greeting) !== instanceOf(bulk.value.greeting)) {
    end(new RpcError('incompatible', 'two connections reached two processes'));
    throw new RpcError(
      'incompatible',
      `${formatAddress(address)} leads to different processes by turns; give each one an address of its own`,
    );
  }
  open = true;
  return {
    greeting: short.value.greeting,
    call: (method, params, call) => (call.bulk ? bulk : short).value.connection.call(method, params, call),
    notify: (method, params) => short.value.connection.notify(method, params),
    close() {
      open = false;
      end(new RpcError('unavailable', 'the transport was closed by this side'));
    },
  };
}

function instanceOf(greeting: Value): Value | undefined {
  return isMap(greeting) ? greeting.instance : undefined;
}
