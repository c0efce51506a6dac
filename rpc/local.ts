// A transport within one process. It uses the same caller and session as a socket, and passes messages without encoding them.
import { Caller } from './caller.ts';
import { RpcError } from './errors.ts';
import type { Message } from './messages.ts';
import { Peers } from './peers.ts';
import { Session, type SessionOptions } from './session.ts';
import type { Handlers, Params, Transport, TransportEvents, TransportServer } from './transport.ts';

export interface LocalTransportOptions extends TransportEvents {
  hello: Params;
  /** Deadline of the hello. Default: 5 s. */
  helloMs?: number;
}

type ServeOptions = Pick<SessionOptions, 'handlers' | 'maxRunning' | 'onError'>;

export interface LocalServer extends TransportServer {
  connect(options: LocalTransportOptions): Promise<Transport>;
}

export function serveLocally(options: ServeOptions): LocalServer {
  const peers = new Peers();
  let closing: Promise<void> | undefined;
  return {
    connect: (to) =>
      closing === undefined
        ? connect(options, peers, to)
        : Promise.reject(new RpcError('unavailable', 'the peer has left service')),
    callers: () => peers.callers(),
    broadcast: (method, params) => peers.broadcast(method, params),
    close({ graceMs = 10_000 } = {}) {
      closing ??= peers.drain(graceMs);
      return closing;
    },
  };
}

/** Opens a transport to a server that serves only this transport. */
export function openLocalTransport(
  handlers: Handlers,
  { maxRunning, onError, ...options }: LocalTransportOptions & Omit<ServeOptions, 'handlers'>,
): Promise<Transport> {
  return serveLocally({ handlers, maxRunning, onError }).connect(options);
}

/** Passes values by reference (see "Ownership" in transport.ts). */
async function connect(
  served: ServeOptions,
  peers: Peers,
  { hello, helloMs = 5_000, onNotification, onClose }: LocalTransportOptions,
): Promise<Transport> {
  let ended = false;
  let open = false;

  function end(error: RpcError): void {
    if (ended) return;
    ended = true;
    remove();
    session.abandon(error);
    caller.fail(error);
    if (open) onClose?.(error);
  }

  // As over a socket, a message never arrives within the call that sends it.
  function toSession(message: Message): void {
    queueMicrotask(() => session.receive(message));
  }
  function toCaller(message: Message): void {
    queueMicrotask(() => {
      if (message.type === 'response') caller.settle(message);
      else if (message.type === 'notification' && !ended) onNotification?.(message.method, message.params);
    });
  }

  const caller = new Caller(toSession);
  const endLater = (error: RpcError) => queueMicrotask(() => end(error));
  const session = new Session({ ...served, send: toCaller, refuse: endLater });
  const remove = peers.add({ session, send: toCaller, end: endLater });

  const greeting = await caller.call('hello', hello, { deadlineMs: helloMs });
  open = true;
  return {
    greeting,
    call: (method, params, options) => caller.call(method, params, options),
    notify: (method, params) => toSession({ type: 'notification', method, params }),
    close() {
      open = false;
      end(new RpcError('unavailable', 'the transport was closed by this side'));
    },
  };
}
