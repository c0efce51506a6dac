// The work of one step, and its time if every process has cores of its own.
import type { Costs } from './costs.ts';
import { hopsOf, type ModelShape, meanExpertsPerToken } from './shape.ts';
import { frames, fullest, touched } from './spread.ts';

/** A model, and what it costs on one kind of machine. */
export interface Subject {
  shape: ModelShape;
  costs: Costs;
}

export interface Step {
  /** Mean decode rows: one for each running sequence. It need not be whole. */
  rows: number;
  /** Mean positions before a row. */
  context: number;
  /** Groups of shards, each with an equal share of the experts. */
  groups: number;
}

/** Microseconds of CPU time of one step. */
export interface StepWork extends ExpertWork {
  engineUs: number;
  /** All other threads of the gateway. */
  apiUs: number;
  clientUs: number;
}

/** What the rows of a pass through all layers cost at the shards. */
export interface ExpertWork {
  frames: number;
  /** All shards together. */
  shardsUs: number;
  /** The shard of each layer that has most to do; the gateway waits for it. */
  slowestUs: number;
}

/** As the engine does, a step is cut in parts only if this makes it faster (gateway/engine/scheduling/micro-batches.ts). */
const MICRO_BATCHES = [1, 2, 4, 8];

export function expertWork({ shape, costs: { shard } }: Subject, rows: number, groups: number): ExpertWork {
  const { experts } = shape;
  const hops = hopsOf(shape);
  const calls = rows * meanExpertsPerToken(shape);
  const sent = frames(groups, calls);
  const most = fullest(groups, calls);
  const held = Math.max(1, experts / groups);
  return {
    frames: hops * sent,
    shardsUs: hops * (sent * shard.frameUs + calls * shard.rowUs + touched(experts, calls) * shard.expertUs),
    slowestUs: hops * (shard.frameUs + most * shard.rowUs + touched(held, most) * shard.expertUs),
  };
}

export function workOf(subject: Subject, { rows, context, groups }: Step, microBatches = 1): StepWork {
  const { engine, api, client } = subject.costs;
  const each = expertWork(subject, rows / microBatches, groups);
  const sent = microBatches * each.frames;
  return {
    frames: sent,
    shardsUs: microBatches * each.shardsUs,
    slowestUs: microBatches * each.slowestUs,
    engineUs:
      microBatches * engine.stepUs +
      rows * (engine.rowUs + context * engine.positionUs) +
      sent * engine.frameUs,
    apiUs: api.stepUs + rows * api.tokenUs,
    clientUs: client.stepUs + rows * client.tokenUs,
  };
}

export interface Surroundings {
  /** Elapsed time of the network for one hop. */
  roundTripUs: number;
  /** Waiting time of a frame at a shard, as a multiple of the time that the shard takes for it. */
  shardWait: number;
}

/** Microseconds of a step in which each process has cores of its own. */
export function stepUs(subject: Subject, step: Step, surroundings: Surroundings): number {
  return Math.min(...MICRO_BATCHES.map((count) => pipelinedUs(subject, step, count, surroundings)));
}

/** Elapsed time of the hops of one pass through all layers. */
export function awayUs(
  { shape, costs }: Subject,
  slowestUs: number,
  { roundTripUs, shardWait }: Surroundings,
): number {
  return hopsOf(shape) * (costs.hopUs + roundTripUs) + (1 + shardWait) * slowestUs;
}

/** While one micro-batch waits for its experts, the engine computes the others. */
function pipelinedUs(subject: Subject, step: Step, microBatches: number, surroundings: Surroundings): number {
  if (microBatches > 1 && microBatches > step.rows) return Number.POSITIVE_INFINITY;
  const { engineUs, slowestUs } = workOf(subject, step, microBatches);
  const away = awayUs(subject, slowestUs / microBatches, surroundings);
  return Math.max(engineUs, engineUs / microBatches + away);
}
