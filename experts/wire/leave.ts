// The messages by which a shard asks its gateways whether it may leave service: the shard sends the notification `may_leave`, and
// each gateway answers with the call `shard.leave`.
import { RpcError } from '../../rpc/errors.ts';
import type { Params } from '../../rpc/transport.ts';
import { integer, string } from '../fields.ts';
import type { HoldingRange } from '../runs.ts';
import { type ModelShape, parseHoldingRanges } from './model.ts';

/** The feature of a gateway that answers the notification `may_leave` with the call `shard.leave`. */
export const LEAVE_FEATURE = 'leave';

/** The answer of a gateway about one model of the shard. */
export interface LeaveView {
  /** Number of the question: the field `ask` of `may_leave`. */
  ask: number;
  /** Identity of the model. */
  model: string;
  /** Units that would be lost: no other shard serves them, without counting shards that have permission to leave. */
  alone: readonly HoldingRange[];
  /** True if a shard that has permission to leave still serves some of the units in `alone`. */
  contested: boolean;
}

export function leaveViewToParams({ ask, model, alone, contested }: LeaveView): Params {
  return { ask, model, alone: alone.map((range) => [...range]), contested };
}

/** Returns the number of the question. */
export function parseMayLeave(params: Params): number {
  return integer(params, 'ask');
}

/** `models` are the models of the shard by identity. Throws `incompatible` if the view is about another model. */
export function parseLeaveView(params: Params, models: ReadonlyMap<string, ModelShape>): LeaveView {
  const identity = string(params, 'model');
  const model = models.get(identity);
  if (model === undefined) throw new RpcError('incompatible', `this shard does not hold model ${identity}`);
  const alone = parseHoldingRanges(params, model, 'alone');
  return { ask: integer(params, 'ask'), model: identity, alone, contested: params.contested === true };
}
