// A transport within one process: the same caller and session as over a socket, joined without bytes between them.
import { Caller } from './caller.ts';
import { RpcError } from './errors.ts';
import type { Message } from './messages.ts';
import { Session } from './socket/session.ts';
import type { Handlers, Params, Transport, TransportEvents } from './transport.ts';

export interface LocalTransportOptions extends TransportEvents {
  hello: Params;
  helloMs?: number;
  maxRunning?: number;
  onError?: (error: RpcError, method: string) => void;
}

/** Values pass by reference (transport.ts: what is passed is given away). */
export async function openLocalTransport(
  handlers: Handlers,
  { hello, helloMs = 5_000, onClose, maxRunning, onError }: LocalTransportOptions,
): Promise<Transport> {
  let ended = false;
  let open = false;

  function end(error: RpcError): void {
    if (ended) return;
    ended = true;
    session.abandon(error);
    caller.fail(error);
    if (open) onClose?.(error);
  }

  // A message arrives in a later turn of the queue, never inside the call that sent it: as over a socket.
  function toSession(message: Message): void {
    queueMicrotask(() => session.receive(message));
  }
  function toCaller(message: Message): void {
    if (message.type === 'response') queueMicrotask(() => caller.settle(message));
  }

  const caller = new Caller(toSession);
  const session = new Session({
    handlers,
    send: toCaller,
    refuse: (error) => queueMicrotask(() => end(error)),
    ...(maxRunning === undefined ? {} : { maxRunning }),
    ...(onError === undefined ? {} : { onError }),
  });

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
