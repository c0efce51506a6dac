// The calls `shard.status` and `shard.drain`, which an operator makes to a shard: handlers, answers and parsers of the answers.
import { RpcError } from '../rpc/errors.ts';
import type { HandlerContext, Handlers, Params, Value } from '../rpc/transport.ts';
import { array, integer, map, string } from './fields.ts';
import type { CallCounts } from './in-flight.ts';
import type { PlacedReport } from './placing/placed-model.ts';
import { parseApplied } from './placing/placement-file.ts';

export interface ShardReport extends CallCounts {
  state: 'available' | 'draining';
  /** Number of units held, over all models. */
  units: number;
  /** Name of the shard in placements. */
  name: string;
  /** Memory that plans may fill with experts (`--memory`). Absent: as much as the plan needs. */
  memoryBytes?: number;
  /** Resident memory of the process now. */
  residentBytes: number;
  models: readonly PlacedReport[];
}

/** How long a drain waits for calls in flight. */
export const DRAIN_MS = 10_000;

export interface DrainAnswer extends CallCounts {
  /** True if no call is in flight. The shard takes no new calls, and its process ends soon. */
  safeToDelete: boolean;
}

interface AdminActions {
  report: () => ShardReport;
  /**
   * Refuses new calls and lets the calls in flight end. The process ends soon after the answer. A second call joins the drain in
   * progress. Without `force`, rejects with the code `needed` if the shard holds units that no other shard serves.
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

/** The part of the answer to `shard.status` that the planner of placements needs. */
export type PlaceStatus = Pick<ShardReport, 'name' | 'memoryBytes' | 'models'>;

/** Most models in one answer. */
const MOST_MODELS = 64;
/** Most characters of the holdings of one model. */
const LONGEST_HOLDINGS = 4 * 1024 * 1024;

export function parsePlaceStatus(value: Value): PlaceStatus {
  const answer = map(value, 'the answer to shard.status');
  if (answer.name === undefined || answer.models === undefined) {
    throw new RpcError(
      'invalid',
      'the answer to shard.status has no name or no models; the shard may run an older release',
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
