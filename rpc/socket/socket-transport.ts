// A transport over sockets: two connections to one peer, so that short calls never wait behind large ones.
import { type Address, formatAddress } from '../address.ts';
import { RpcError, toRpcError } from '../errors.ts';
import { isMap } from '../messages.ts';
import type { Security } from '../security/credentials.ts';
import { greet } from '../security/greet.ts';
import type { Params, Transport, TransportEvents, Value } from '../transport.ts';
import { type Connection, type ConnectionOptions, openConnection } from './connection.ts';

export interface SocketTransportOptions extends Omit<ConnectionOptions, 'tls'> {
  /** Parameters of the hello that opens each connection. */
  hello: Params;
  /** Deadline of each hello. Default: 5 s. */
  helloMs?: number;
  /** Credentials that both sides must show. */
  security?: Security | undefined;
}

/** Rejects if a connection fails or a hello is refused: with `unproven` if either side lacks the right credentials. */
export async function openSocketTransport(
  address: Address,
  {
    hello,
    helloMs: deadlineMs = 5_000,
    security: { secret, tls } = {},
    onNotification,
    onClose,
    ...options
  }: SocketTransportOptions,
): Promise<Transport> {
  const connections: Connection[] = [];
  let open = false;
  let ended: RpcError | undefined;

  function end(error: RpcError): void {
    ended ??= error;
    for (const connection of connections) connection.close();
  }

  /** Called when one of the connections is lost. */
  function lose(error: RpcError): void {
    if (ended !== undefined) return;
    ended = error;
    for (const connection of connections) connection.closeSoon(error);
    if (open) onClose?.(error);
  }

  async function connectOnce(hello: Params, onNotification: TransportEvents['onNotification']) {
    const connection = await openConnection(address, { ...options, tls, onNotification, onClose: lose });
    connections.push(connection);
    if (ended !== undefined) connection.close();
    const greeting = await greet(connection, hello, { deadlineMs, secret: secret?.() });
    return { connection, greeting };
  }

  const { features: _, ...bulkHello } = hello;
  const attempts = await Promise.allSettled([
    connectOnce(hello, onNotification),
    // Notifications come over both connections, so the second drops them. Its hello has no `features`, so it gets no `may_leave`.
    connectOnce(bulkHello, undefined),
  ]);
  const [short, bulk] = attempts;
  if (short.status === 'rejected' || bulk.status === 'rejected' || ended !== undefined) {
    const failure = [short, bulk].find((attempt) => attempt.status === 'rejected');
    const error = toRpcError(ended ?? failure?.reason);
    end(new RpcError('unavailable', 'connecting failed'));
    throw tls === undefined && connections.length > 0 ? orTls(error) : error;
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
    line: (isBulk) => (isBulk ? bulk : short).value.connection.line,
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

/** Adds a hint, because a peer with TLS closes a connection without TLS and gives no reason that this side could read. */
function orTls(error: RpcError): RpcError {
  if (error.code !== 'unavailable') return error;
  const hint = 'before it answered hello; if it asks for TLS, give --tls-cert, --tls-key and --tls-ca';
  return new RpcError('unavailable', `${error.message} ${hint}`, { cause: error });
}
