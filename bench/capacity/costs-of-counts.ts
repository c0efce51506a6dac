// Turns counts of decode and of prefill into the costs of the capacity model. Pure.
import type { ApiCosts, EngineCosts, ShardCosts } from '../../infra/capacity/calibration.ts';
import type { Counts } from './counts.ts';
import { errorsOf, fitCosts, type Sample } from './fit.ts';

/** Counts of one load. */
export interface Load {
  counts: Counts;
  /** Positions before a decode row, on average. 0 for prompts. */
  context: number;
  /** Tokens of each prompt, if the load is prompts for one token each. */
  prompt?: number;
  requests: number;
}

export interface FittedCosts {
  engine: EngineCosts;
  api: ApiCosts;
  shard: ShardCosts;
  client: { stepUs: number; tokenUs: number };
  /** Largest relative error of each fit. */
  worst: Record<'engine' | 'api' | 'shard' | 'client', number>;
}

export function costsOfCounts(loads: readonly Load[]): FittedCosts {
  const engine = fitted(loads.map(engineSample), ['stepUs', 'rowUs', 'promptRowUs', 'frameUs', 'positionUs']);
  const api = fitted(loads.map(apiSample), ['requestUs', 'promptTokenUs', 'stepUs', 'tokenUs']);
  const shard = fitted(loads.map(shardSample), ['frameUs', 'rowUs', 'expertUs']);
  const decoding = loads.filter(({ prompt }) => prompt === undefined);
  const client = fitted(decoding.map(clientSample), ['stepUs', 'tokenUs']);
  return {
    engine: engine.costs,
    api: api.costs,
    shard: shard.costs,
    client: client.costs,
    worst: { engine: engine.worst, api: api.worst, shard: shard.worst, client: client.worst },
  };
}

function fitted<Kind extends string>(samples: readonly Sample<Kind>[], kinds: readonly Kind[]) {
  const costs = fitCosts(samples, kinds);
  return { costs, worst: Math.max(...errorsOf(samples, costs).map(Math.abs)) };
}

function engineSample({ counts, context, prompt, requests }: Load): Sample<keyof EngineCosts> {
  const decoded = prompt === undefined ? counts.generated : 0;
  const pairs = prompt === undefined ? decoded * context : (requests * prompt * prompt) / 2;
  return {
    us: counts.engineUs,
    work: {
      stepUs: counts.microBatches,
      rowUs: decoded,
      promptRowUs: prompt === undefined ? 0 : counts.prompted,
      frameUs: counts.frames,
      positionUs: pairs,
    },
  };
}

function apiSample({ counts, prompt, requests }: Load): Sample<keyof ApiCosts> {
  const asked = prompt === undefined ? 0 : requests;
  const tokens = prompt === undefined ? counts.generated : requests;
  // A step sends one message with all its tokens. Of a prompt, only the last step has one.
  const steps = prompt === undefined ? counts.steps : requests;
  return {
    us: counts.apiUs,
    work: {
      requestUs: asked,
      promptTokenUs: asked * (prompt ?? 0),
      stepUs: steps,
      tokenUs: tokens,
    },
  };
}

function shardSample({ counts }: Load): Sample<keyof ShardCosts> {
  return {
    us: counts.shardUs,
    work: { frameUs: counts.frames, rowUs: counts.expertRows, expertUs: counts.expertRuns },
  };
}

function clientSample({ counts }: Load): Sample<'stepUs' | 'tokenUs'> {
  return { us: counts.clientUs, work: { stepUs: counts.steps, tokenUs: counts.generated } };
}
