// How a shard asks its gateways whether it may leave service: the notification `may_leave`, the call `shard.leave`.
import { RpcError } from '../../rpc/errors.ts';
import type { Params } from '../../rpc/transport.ts';
import { integer, string } from '../fields.ts';
import type { HoldingRange } from '../runs.ts';
import { type ModelShape, parseHoldingRanges } from './model.ts';

/** The caller answers the notification `may_leave` with a call of `shard.leave`. */
export const LEAVE_FEATURE = 'leave';

/** What a gateway answers about a shard that asks to leave service. */
export interface LeaveView {
  /** Number of the question, from `may_leave`. */
  ask: number;
  /** Identity. */
  model: string;
  /** Units that no other shard serves. */
  alone: readonly HoldingRange[];
  /** True if another shard serves some of them, but has been told that it may leave. */
  contested: boolean;
}

export function leaveViewToParams({ ask, model, alone, contested }: LeaveView): Params {
  return { ask, model, alone: alone.map((range) => [...range]), contested };
}

/** Number of the question that a shard asks with `may_leave`. */
export function parseMayLeave(params: Params): number {
  return integer(params, 'ask');
}

/** `models` are the shard's, by identity. */
export function parseLeaveView(params: Params, models: ReadonlyMap<string, ModelShape>): LeaveView {
  const identity = string(params, 'model');
  const model = models.get(identity);
  if (model === undefined) throw new RpcError('incompatible', `this shard does not hold model ${identity}`);
  const alone = parseHoldingRanges(params, model, 'alone');
  return { ask: integer(params, 'ask'), model: identity, alone, contested: params.contested === true };
}
