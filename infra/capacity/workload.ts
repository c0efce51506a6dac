// What is asked of the model: requests and their lengths, and what the operator allows. Checks that they make sense together.
import { GATEWAY_ANSWER_MIB, GATEWAY_KV_MIB } from './process-needs.ts';
import type { ModelShape } from './shape.ts';

export interface Workload {
  /** Requests a second of all regions together. */
  rps: number;
  /** Tokens of a request and of its answer, on average. */
  prompt: number;
  answer: number;
  regions: number;
  /** Share of the prompts' tokens that gateways have cached (0 to below 1). */
  hitRate: number;
}

export interface Settings {
  /** Shards on which each expert is, and least number of gateways. With 2 and more, one of each may be away. */
  redundancy: number;
  /** Most gateways of a cell. A shard accepts two connections of each gateway of its cell. */
  cellGateways: number;
  /** Largest planned share of the rate at which a queue grows (above 0, below 1). */
  utilisation: number;
  /** Groups of shards; each has an equal share of the experts. Undefined: as few as `shardMiB` allows. */
  groups: number | undefined;
  /** Memory for the experts of a shard. */
  shardMiB: number;
  /** Memory of a gateway for keys and values, and for answers. */
  kvMiB: number;
  answerMiB: number;
  /** Most sequences of a gateway that run at once, and most prefill rows of a step. */
  maxSequences: number;
  prefillRows: number;
  /** Round trip between a gateway and a shard, without the time of either. */
  roundTripMs: number;
  /** Plans for the load of each region while another region is lost. */
  survivesRegion: boolean;
  /** In any currency: of a core and of a GiB of memory, for an hour. */
  prices: { core: number; gib: number };
}

/** Engine and connections have their own defaults of the other settings, which this room does not know. */
export const capacityDefaults = {
  prompt: 500,
  answer: 200,
  regions: 1,
  hitRate: 0,
  redundancy: 2,
  utilisation: 0.6,
  shardMiB: 4096,
  kvMiB: GATEWAY_KV_MIB,
  answerMiB: GATEWAY_ANSWER_MIB,
  roundTripMs: 0.2,
  /** Examples of the order of what public clouds charge; they are no offer of anyone. */
  prices: { core: 0.04, gib: 0.005 },
};

/** Beyond this, a number is a typing error. */
export const MOST_RPS = 1e9;

/** An error of the numbers that were given, not of the program. */
export class WorkloadError extends Error {}

/** Throws a WorkloadError that says which number is wrong and why. */
export function checkWorkload(workload: Workload, settings: Settings, shape: ModelShape): void {
  const { rps, prompt, answer, regions, hitRate } = workload;
  const { redundancy, cellGateways, utilisation, groups, roundTripMs, prices } = settings;
  require('requests a second', rps, `above 0 and at most ${MOST_RPS}`, rps > 0 && rps <= MOST_RPS);
  require('tokens of a prompt', prompt, 'at least 1', prompt >= 1);
  require('tokens of an answer', answer, 'at least 1', answer >= 1);
  require('regions', regions, 'a whole number of at least 1', Number.isInteger(regions) && regions >= 1);
  require('hit rate', hitRate, 'at least 0 and below 1', hitRate >= 0 && hitRate < 1);
  require('redundancy', redundancy, 'a whole number of at least 1', Number.isInteger(redundancy) &&
    redundancy >= 1);
  require('gateways of a cell', cellGateways, `at least the redundancy of ${redundancy}`, cellGateways >=
    redundancy);
  require('utilisation', utilisation, 'above 0 and below 1', utilisation > 0 && utilisation < 1);
  require('round trip', roundTripMs, 'at least 0', roundTripMs >= 0);
  require('price of a core', prices.core, 'at least 0', prices.core >= 0);
  require('price of a GiB', prices.gib, 'at least 0', prices.gib >= 0);
  if (groups !== undefined) {
    const fits = Number.isInteger(groups) && groups >= 1 && groups <= shape.experts;
    require('groups', groups, `a whole number from 1 to the ${shape.experts} experts of a layer`, fits);
  }
  if (settings.survivesRegion && regions === 1) {
    throw new WorkloadError('the loss of the only region cannot be survived: plan for at least 2 regions');
  }
  if (prompt + answer > shape.context) {
    throw new WorkloadError(
      `a prompt of ${prompt} and an answer of ${answer} tokens have ${prompt + answer} together, and ${shape.name} has a context ` +
        `of ${shape.context}: plan for shorter ones`,
    );
  }
}

function require(name: string, value: number, range: string, isRight: boolean): void {
  if (isRight && Number.isFinite(value)) return;
  throw new WorkloadError(`${name}: ${value} is not ${range}`);
}
