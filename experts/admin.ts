// What an operator may ask of a shard: how it fares, and to leave service. Methods, their answers and who may call them;
// knows no sockets and no signals.
import { RpcError } from '../rpc/errors.ts';
import { isMap } from '../rpc/messages.ts';
import type { HandlerContext, Handlers, Value } from '../rpc/transport.ts';
import type { PlacedReport } from './placed-model.ts';

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
  /** What placements call it. */
  name: string;
  /** For experts, where it was told. */
  memoryBytes?: number;
  /** Memory of the process that is resident now. */
  residentBytes: number;
  /** What it holds and is to hold of each. */
  models: readonly PlacedReport[];
}

export interface DrainAnswer extends CallCounts {
  /** Nothing is in flight and nothing will be: the process is about to end. */
  safeToDelete: boolean;
}

export interface AdminActions {
  report: () => ShardReport;
  /**
   * Takes no more calls and lets those in flight end; the process ends soon after the answer. Asked twice, it is one.
   * Without `force`, rejects with `needed` where the shard may not leave.
   */
  drain: (options: { force: boolean }) => Promise<DrainAnswer>;
}

export function adminHandlers({ report, drain }: AdminActions): Handlers {
  return {
    async 'shard.status'(_, context) {
      requireAdmin(context);
      const { models, ...rest } = report();
      return { ...rest, models: models.map((model) => ({ ...model })) };
    },
    async 'shard.drain'({ force }, context) {
      requireAdmin(context);
      return { ...(await drain({ force: force === true })) };
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

/** Of the answer to `shard.status`, what placing is about. */
export type PlaceStatus = Pick<ShardReport, 'name' | 'memoryBytes' | 'models'>;

export function parsePlaceStatus(value: Value): PlaceStatus {
  const { name, memoryBytes, models } = isMap(value) ? value : {};
  if (typeof name !== 'string' || !Array.isArray(models)) {
    throw new RpcError(
      'invalid',
      'the answer to shard.status must hold name and models: is it an older release?',
    );
  }
  const memory = typeof memoryBytes === 'number' ? { memoryBytes } : {};
  return { name, ...memory, models: models.map(parsePlacedReport) };
}

export function parsePlacedReport(value: Value): PlacedReport {
  const { model, epoch, holdings, missing, surplus } = isMap(value) ? value : {};
  if (
    typeof model !== 'string' ||
    typeof epoch !== 'number' ||
    typeof holdings !== 'string' ||
    typeof missing !== 'number' ||
    typeof surplus !== 'number'
  ) {
    throw new RpcError(
      'invalid',
      'a model of shard.status must hold model, epoch, holdings, missing and surplus',
    );
  }
  return { model, epoch, holdings, missing, surplus };
}
