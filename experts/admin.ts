// The calls of an operator to a shard, `shard.status` and `shard.drain`: their answers, and who may make them. Knows no sockets and
// no signals.
import { RpcError } from '../rpc/errors.ts';
import type { HandlerContext, Handlers, Params, Value } from '../rpc/transport.ts';
import { array, integer, map, string } from './fields.ts';
import type { CallCounts } from './in-flight.ts';
import type { PlacedReport } from './placing/placed-model.ts';
import { parseApplied } from './placing/placement-file.ts';

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

/** How long calls in flight may take to end when a shard drains. */
export const DRAIN_MS = 10_000;

export interface DrainAnswer extends CallCounts {
  /** No call is in flight and none will be: the process is about to end. */
  safeToDelete: boolean;
}

export interface AdminActions {
  report: () => ShardReport;
  /**
   * Takes no more calls and lets those in flight end; the process ends soon after the answer. Two drains are one. Without
   * `force`, rejects with `needed` if the shard may not leave.
   */
  drain: (options: { force: boolean }) => Promise<DrainAnswer>;
}

export function adminHandlers({ report, drain }: AdminActions): Handlers {
  return {
    async 'shard.status'(_, context) {
      requireAdmin(context);
      const { models, ...rest } = report();
      return { ...rest, models: models.map(reportToValue) };
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
  const answer = map(value, 'the answer to shard.drain');
  const { safeToDelete } = answer;
  if (typeof safeToDelete !== 'boolean') {
    throw new RpcError('invalid', 'the answer to shard.drain must hold safeToDelete, answered and inFlight');
  }
  return { safeToDelete, answered: integer(answer, 'answered'), inFlight: integer(answer, 'inFlight') };
}

/** The part of the answer to `shard.status` that placements need. */
export type PlaceStatus = Pick<ShardReport, 'name' | 'memoryBytes' | 'models'>;

/** Most models in one answer, and most characters of the holdings of one model. */
const MOST_MODELS = 64;
const LONGEST_HOLDINGS = 4 * 1024 * 1024;

export function parsePlaceStatus(value: Value): PlaceStatus {
  const answer = map(value, 'the answer to shard.status');
  if (answer.name === undefined || answer.models === undefined) {
    throw new RpcError(
      'invalid',
      'the answer to shard.status must hold name and models: is it an older release?',
    );
  }
  return {
    name: string(answer, 'name'),
    ...(answer.memoryBytes !== undefined && { memoryBytes: integer(answer, 'memoryBytes') }),
    models: array(answer, 'models', MOST_MODELS).map(parsePlacedReport),
  };
}

export function reportToValue({ applied, ...report }: PlacedReport): Params {
  return applied === undefined ? { ...report } : { ...report, applied: { ...applied } };
}

export function parsePlacedReport(value: Value): PlacedReport {
  const report = map(value, 'a model of shard.status');
  return {
    model: string(report, 'model'),
    epoch: integer(report, 'epoch'),
    ...(report.hash !== undefined && { hash: string(report, 'hash') }),
    ...(report.applied !== undefined && { applied: parseApplied(report.applied) }),
    holdings: string(report, 'holdings', LONGEST_HOLDINGS),
    missing: integer(report, 'missing'),
    surplus: integer(report, 'surplus'),
  };
}
