// The connections of one server: lists the callers, notifies them, and drains all connections. Knows no sockets.
import { afterSockets } from './deadline.ts';
import { RpcError } from './errors.ts';
import type { Message } from './messages.ts';
import type { Session } from './session.ts';
import type { ConnectedCaller, Params } from './transport.ts';

export interface Peer {
  readonly session: Session;
  send(message: Message): void;
  /** Sends the caller the reason, and then closes the connection. */
  end(reason: RpcError): void;
}

export class Peers {
  readonly #peers = new Set<Peer>();

  /** Returns a function that removes the peer. */
  add(peer: Peer): () => void {
    this.#peers.add(peer);
    return () => this.#peers.delete(peer);
  }

  callers(): ConnectedCaller[] {
    return this.#open.map(({ session, send }) => ({
      hello: session.hello,
      connection: session.connection,
      notify: (method, params) => send({ type: 'notification', method, params }),
    }));
  }

  broadcast(method: string, params: Params): void {
    for (const { send } of this.#open) send({ type: 'notification', method, params });
  }

  /**
   * Answers new calls with `draining`, gives running calls and `others` up to `graceMs` to end, and then ends every connection.
   */
  async drain(graceMs: number, others?: Promise<void>): Promise<void> {
    this.broadcast('draining', {});
    const sessions = [...this.#peers].map(({ session }) => session);
    for (const session of sessions) session.drain();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const callOff = afterSockets(graceMs, () => resolve());
    await Promise.race([Promise.all([others, ...sessions.map((session) => session.idle())]), late]);
    callOff();
    const reason = new RpcError('unavailable', 'the peer has left service');
    for (const { session, end } of [...this.#peers]) {
      session.abandon(reason); // aborts calls that are still running
      end(reason);
    }
  }

  get #open(): Peer[] {
    return [...this.#peers].filter(({ session }) => session.open);
  }
}
