// The rates at which the queues of a cell begin to grow. A part breaks at the rate at which its work takes all its time, with full
// batches: fuller batches take less work a token, so a part that is too slow with few rows may still keep up.
import { apiUsOfRequest, engineUsOfRequest, type Plan, shardUsOfRequest } from './request.ts';

export type Part = 'engines of gateways' | 'memory of keys and values' | 'API of gateways' | 'shards';

export interface Limit {
  part: Part;
  /** Requests a second. */
  rps: number;
}

export interface Size {
  gateways: number;
  /** Shards of each group. */
  replicas: number;
}

const SECOND_US = 1e6;

/** Limits of one gateway. */
export function gatewayLimits(plan: Plan): Limit[] {
  const bound: Part = plan.memoryBounds ? 'memory of keys and values' : 'engines of gateways';
  return [
    { part: bound, rps: SECOND_US / engineUsOfRequest(plan) },
    { part: 'API of gateways', rps: SECOND_US / apiUsOfRequest(plan, plan.slots) },
  ];
}

/** Limit of a cell with one shard in each group. */
export function shardLimit(plan: Plan): Limit {
  return { part: 'shards', rps: SECOND_US / shardUsOfRequest(plan, plan.slots) };
}

/** Limits of a cell, the lowest first. */
export function limitsOf(plan: Plan, { gateways, replicas }: Size): Limit[] {
  const shards = shardLimit(plan);
  return [
    ...gatewayLimits(plan).map(({ part, rps }) => ({ part, rps: gateways * rps })),
    { ...shards, rps: replicas * shards.rps },
  ].sort((a, b) => a.rps - b.rps);
}

/** The lowest limit: the part that breaks first. */
export function lowest(limits: readonly Limit[]): Limit {
  return limits.reduce((least, limit) => (limit.rps < least.rps ? limit : least));
}
