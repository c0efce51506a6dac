// The time of a step if gateways, shards and the client share the cores of one machine. A thread computes at full speed while no more
// threads want to compute than there are cores; otherwise they share the cores evenly (processor sharing). A thread wants to compute for
// the share of the time that its own work takes, and the threads do so independently of each other (a mean field).
import { boundary } from './search.ts';
import { hopsOf } from './shape.ts';
import { type Step, type StepWork, type Subject, workOf } from './step.ts';

export interface SharedMachine {
  /** Cores that all processes share. */
  cores: number;
  gateways: number;
  /** Decode rows of a step of each gateway, positions before a row, and shards. */
  step: Step;
}

export interface SharedSpeed {
  /** Time of a step of each gateway. */
  stepUs: number;
  /** Of all gateways together. */
  tokensPerSecond: number;
  /** Share of the cores' time that is used (0–1). */
  busy: number;
}

/** How much longer work takes because others use the cores. 1: no longer. */
interface Stretch {
  engine: number;
  api: number;
  client: number;
  shard: number;
}

/** Rounds after which the stretches agree with the shares of the time that they cause. */
const ROUNDS = 20;

export function sharedSpeed(subject: Subject, machine: SharedMachine): SharedSpeed {
  const { cores, gateways, step } = machine;
  const work = workOf(subject, step);
  const wakingUs = hopsOf(subject.shape) * subject.costs.hopUs;
  const wholeUs = gateways * (work.engineUs + work.apiUs + work.clientUs + work.shardsUs);
  /** Time of a step if all gateways make one every `everyUs`. It falls as `everyUs` rises, so there is one fixed point. */
  const taken = (everyUs: number) => wakingUs + stepOf(work, machine, everyUs);
  let most = wakingUs + wholeUs;
  while (taken(most) > most) most *= 2;
  const us = boundary(wholeUs / cores, most, (everyUs) => taken(everyUs) > everyUs);
  return {
    stepUs: us,
    tokensPerSecond: (1e6 * gateways * step.rows) / us,
    busy: wholeUs / cores / us,
  };
}

/** Time of a step without waking. The slowest thread sets the pace: an engine, with its shards; an API; or the client. */
function stepOf(work: StepWork, machine: SharedMachine, everyUs: number): number {
  let stretch: Stretch = { engine: 1, api: 1, client: 1, shard: 1 };
  for (let round = 0; round < ROUNDS; round++) stretch = stretchOf(work, machine, everyUs, stretch);
  const shardsUs = forkUs(work, machine) * stretch.shard;
  return Math.max(
    work.engineUs * stretch.engine + shardsUs,
    work.apiUs * stretch.api,
    machine.gateways * work.clientUs * stretch.client,
  );
}

/** The shards of a layer work at the same time, until the slowest is done or as fast as the cores allow. */
function forkUs({ slowestUs, shardsUs }: StepWork, { cores }: SharedMachine): number {
  return Math.max(slowestUs, shardsUs / cores);
}

/**
 * Stretches that follow from the shares of the time in which threads want to compute. An engine waits while its own frames are
 * computed, so neither stretches the other.
 */
function stretchOf(work: StepWork, machine: SharedMachine, everyUs: number, before: Stretch): Stretch {
  const { cores, gateways, step } = machine;
  const others = gateways - 1;
  const shareOf = (us: number, stretch: number) => Math.min(1, (us * stretch) / everyUs);
  const engine = shareOf(work.engineUs, before.engine);
  const api = shareOf(work.apiUs, before.api);
  const client = shareOf(gateways * work.clientUs, before.client);
  /** Shards at work for so many gateways. */
  const shards = (of: number): Threads => ({
    count: step.groups,
    share: shareOf((of * work.shardsUs) / step.groups, before.shard),
  });
  const beside: Threads[] = [{ count: others, share: engine }, shards(others)];
  const apis: Threads = { count: gateways, share: api };
  const clients: Threads = { count: 1, share: client };
  const engines: Threads = { count: gateways, share: engine };
  const width = work.shardsUs / forkUs(work, machine);
  return {
    engine: crowding(cores, 1, [...beside, apis, clients]),
    shard: crowding(cores, width, [...beside, apis, clients]),
    api: crowding(cores, 1, [engines, shards(gateways), { count: others, share: api }, clients]),
    client: crowding(cores, 1, [engines, shards(gateways), apis]),
  };
}

/** Threads, each of which wants to compute for a share of the time. */
interface Threads {
  count: number;
  share: number;
}

/**
 * Expected stretch of `width` threads that compute, if `others` compute beside them: the mean of max(1, threads / cores). Only the
 * probabilities of fewer threads than cores are needed for it.
 */
function crowding(cores: number, width: number, others: readonly Threads[]): number {
  const free = cores - width;
  if (free <= 0) return 1 + (mean(others) - free) / cores;
  let few = [1];
  for (const { count, share } of others) {
    for (let i = 0; i < count && share > 0; i++) few = withThread(few, share, Math.ceil(free));
  }
  const left = few.reduce((sum, probability, n) => sum + Math.max(0, free - n) * probability, 0);
  return 1 + (mean(others) - free + left) / cores;
}

function mean(others: readonly Threads[]): number {
  return others.reduce((sum, { count, share }) => sum + count * share, 0);
}

/** Probabilities of 0, 1, … busy threads, below `most`, with one thread more. */
function withThread(few: readonly number[], share: number, most: number): number[] {
  const length = Math.min(most, few.length + 1);
  return Array.from({ length }, (_, n) => (few[n] ?? 0) * (1 - share) + (few[n - 1] ?? 0) * share);
}
