// What an operator may ask of a shard: how it fares, and to leave service. Methods, their answers and who may call them;
// knows no sockets and no signals.
import { RpcError } from '../rpc/errors.ts';
import { isMap } from '../rpc/messages.ts';
import type { HandlerContext, Handlers, Value } from '../rpc/transport.ts';

/** Calls of `expert.run`. */
export interface CallCounts {
  /** Answered well since the start. */
  answered: number;
  /** Taken and not yet answered. */
  inFlight: number;
}

export interface ShardReport extends CallCounts {
  state: 'available' | 'draining';
  /** Units (layer, expert) held. */
  units: number;
}

export interface DrainAnswer extends CallCounts {
  /** Nothing is in flight and nothing will be: the process is about to end. */
  safeToDelete: boolean;
}

export interface AdminActions {
  report: () => ShardReport;
  /** Takes no more calls and lets those in flight end; the process ends soon after the answer. Asked twice, it is one. */
  drain: () => Promise<DrainAnswer>;
}

export function adminHandlers({ report, drain }: AdminActions): Handlers {
  return {
    async 'shard.status'(_, context) {
      requireAdmin(context);
      return { ...report() };
    },
    async 'shard.drain'(_, context) {
      requireAdmin(context);
      return { ...(await drain()) };
    },
  };
}

function requireAdmin({ hello }: HandlerContext): void {
  if (hello?.role === 'admin') return;
  throw new RpcError('unproven', 'only a connection whose hello has the role admin may call this');
}

export function parseDrainAnswer(value: Value): DrainAnswer {
  const { safeToDelete, answered, inFlight } = isMap(value) ? value : {};
  if (typeof safeToDelete !== 'boolean' || typeof answered !== 'number' || typeof inFlight !== 'number') {
    throw new RpcError('invalid', 'the answer to shard.drain must hold safeToDelete, answered and inFlight');
  }
  return { safeToDelete, answered, inFlight };
}
