// The state of a simulated cell, and what happens in one step of it. Changes the world that it is given; reads no clock and draws nothing.

import type { ScalingPage } from '../pages.ts';
import type { CellModel } from './cell-model.ts';
import {
  admit,
  advance,
  type GatewayWork,
  kvHeld,
  newWork,
  openRequests,
  planStep,
  preempt,
  type Sequence,
  type StepPlan,
  takeAll,
} from './gateway-model.ts';
import { type GroupLoad, loadOf } from './hops.ts';
import { type Pod, scaleTo, serves, staying } from './pods.ts';
import type { ArrivingRequest } from './traffic.ts';

/** The edge wants a cell for this long after the last request. */
const WANTED_SECONDS = 60;
/** A gateway's page has rows a second as about the mean of this time. */
const RATE_SECONDS = 10;

export interface World {
  now: number;
  readonly cell: CellModel;
  gateways: Pod<GatewayWork & { rows: number[] }>[];
  /** Of each group. */
  shards: Pod<undefined>[][];
  loads: GroupLoad[];
  /** Requests that no gateway has taken. */
  edge: Sequence[];
  /** When the last request came. */
  arrivedAt: number;
  /** By the number of the request: seconds until it was admitted, NaN before that. */
  readonly waits: Float64Array;
  /** By the number of the request: seconds from its admission to its end, NaN before that. */
  readonly runs: Float64Array;
  served: number;
  refused: Set<number>;
}

export function newWorld(cell: CellModel, requests: number, counts: readonly number[]): World {
  const world: World = {
    ...{ now: 0, cell, gateways: [], shards: cell.groups.map(() => []) },
    ...{
      loads: cell.groups.map(idleLoad),
      edge: [],
      arrivedAt: Number.NEGATIVE_INFINITY,
      served: 0,
      refused: new Set(),
    },
    waits: new Float64Array(requests).fill(Number.NaN),
    runs: new Float64Array(requests).fill(Number.NaN),
  };
  setReplicas(world, counts);
  for (const pod of [world.gateways, ...world.shards].flat()) pod.readyAt = 0;
  return world;
}

const idleLoad = ({ callMs }: CellModel['groups'][number]) =>
  loadOf({ rowsPerSecond: 0, capacity: 0, shards: 0, callMs, mostCalls: 0 });

/** Starts or removes pods: of the gateways, then of each group. */
export function setReplicas({ now, cell, gateways, shards }: World, counts: readonly number[]): void {
  const [ofGateways = 0, ...ofGroups] = counts;
  scaleTo(gateways, ofGateways, {
    ...cell.gateway,
    now,
    newWork: () => ({ ...newWork(), rows: cell.groups.map(() => 0) }),
  });
  for (const [i, group] of cell.groups.entries()) {
    scaleTo(shards[i] ?? [], ofGroups[i] ?? 0, { ...group, now, newWork: () => undefined });
  }
}

/** What is asked for and ready: of the gateways, then of each group. */
export function replicasOf({ now, gateways, shards }: World): { current: number; ready: number }[] {
  return [gateways, ...shards].map((pods: readonly Pod<unknown>[]) => ({
    current: staying(pods).length,
    ready: pods.filter((pod) => serves(pod, now)).length,
  }));
}

export function arrive(
  world: World,
  { at, prompt, answer }: ArrivingRequest,
  request: number,
  now: number,
): void {
  const { kvTokens } = world.cell.gateway;
  if (prompt + answer > kvTokens) {
    throw new Error(
      `request ${request} has ${prompt + answer} tokens, but a gateway has room for ${kvTokens} in its KV cache`,
    );
  }
  world.arrivedAt = now;
  world.edge.push({ request, arrivedAt: at, prompt, answer, held: 0, generated: 0, queuedAt: now });
}

/** Moves the world from `now` to `now + seconds`. */
export function step(world: World, seconds: number): void {
  leave(world);
  dispatch(world);
  const { cell, now } = world;
  const hopMs = cell.layers * Math.max(...world.loads.map(({ meanMs }) => meanMs));
  const working = world.gateways.filter(
    (pod) => pod.readyAt <= now && (pod.goneAt === undefined || pod.goneAt > now),
  );
  const plans = working.map(({ work }) => {
    for (const { request, arrivedAt } of admit(work, cell.gateway)) {
      if (Number.isNaN(world.waits[request])) world.waits[request] = Math.max(0, now - arrivedAt);
    }
    return planStep(work, cell.gateway, seconds, hopMs);
  });
  const speed = loadGroups(world, plans, seconds);
  for (const [i, { work }] of working.entries()) {
    const plan = plans[i];
    if (plan === undefined) continue;
    for (const { request, arrivedAt } of advance(work, plan, speed)) {
      world.served++;
      world.runs[request] = now + seconds - arrivedAt - (world.waits[request] ?? 0);
    }
    preempt(work, cell.gateway, now + seconds);
    countRows(world, work, speed * tokensOf(plan), seconds);
  }
  world.now += seconds;
}

function tokensOf({ prefill, decode, decoding }: StepPlan): number {
  return prefill + decode * decoding;
}

/** Pods whose time to drain is over end. Another gateway continues the requests that they still have. */
function leave(world: World): void {
  const { now } = world;
  const isGone = ({ goneAt }: Pod<unknown>) => goneAt !== undefined && goneAt <= now;
  const left = world.gateways.filter(isGone).flatMap(({ work }) => takeAll(work));
  if (left.length > 0) world.edge = [...left, ...world.edge];
  const isEmpty = ({ goneAt, work }: World['gateways'][number]) =>
    goneAt !== undefined && openRequests(work) === 0;
  world.gateways = world.gateways.filter((pod) => !isGone(pod) && !isEmpty(pod));
  world.shards = world.shards.map((pods) => pods.filter((pod) => !isGone(pod)));
}

/** The edge sends each request to the gateway with the fewest open requests. If all queues are full, the request is refused. */
function dispatch(world: World): void {
  const { now, cell } = world;
  const ready = world.gateways.filter((pod) => serves(pod, now)).map(({ work }) => work);
  if (ready.length === 0) return;
  for (const sequence of world.edge) {
    const least = ready.reduce((a, b) => (openRequests(b) < openRequests(a) ? b : a));
    if (least.waiting.length >= cell.gateway.waiting) world.refused.add(sequence.request);
    else least.waiting.push(Object.assign(sequence, { queuedAt: now }));
  }
  world.edge = [];
}

/** Computes the load of each group. Returns the part of their plans that gateways can carry out: the slowest group decides. */
function loadGroups(world: World, plans: readonly StepPlan[], seconds: number): number {
  const { cell, now } = world;
  const tokens = plans.reduce((sum, plan) => sum + tokensOf(plan), 0);
  const heat = cell.heat(now);
  world.loads = cell.groups.map((group, i) => {
    const shards = (world.shards[i] ?? []).filter((pod) => serves(pod, now)).length;
    return loadOf({
      rowsPerSecond: (tokens * cell.rowsPerToken * (heat[i] ?? 0)) / seconds,
      capacity: shards * group.rowsPerSecond,
      shards,
      callMs: group.callMs,
      mostCalls: plans.length * cell.gateway.callsAtOnce,
    });
  });
  return Math.min(1, ...world.loads.map(({ utilisation }) => (utilisation > 1 ? 1 / utilisation : 1)));
}

function countRows({ cell, now }: World, work: { rows: number[] }, tokens: number, seconds: number): void {
  const weight = Math.min(1, seconds / RATE_SECONDS);
  const heat = cell.heat(now);
  work.rows = work.rows.map((before, i) => {
    const rate = (tokens * cell.rowsPerToken * (heat[i] ?? 0)) / seconds;
    return before + weight * (rate - before);
  });
}

/** What /v1/scaling of each ready gateway says. */
export function pagesOf({ now, cell, gateways, loads }: World): ScalingPage[] {
  const ready = gateways.filter((pod) => serves(pod, now));
  const running = ready.reduce((sum, { work }) => sum + work.running.length, 0);
  return ready.map(({ work }) => ({
    queue_seconds: queueSeconds(work, now),
    kv_used: Math.min(1, kvHeld(work) / cell.gateway.kvTokens),
    groups: cell.groups.map(({ name }, i) => ({
      experts: name,
      in_flight: running === 0 ? 0 : ((loads[i]?.inFlight ?? 0) * work.running.length) / running,
      rows_per_second: work.rows[i] ?? 0,
      hop_p99_ms: (loads[i]?.utilisation ?? 0) === 0 ? 0 : (loads[i]?.p99Ms ?? 0),
    })),
  }));
}

export function queueSeconds({ waiting }: GatewayWork, now: number): number {
  const [first] = waiting;
  return first === undefined ? 0 : Math.max(0, now - first.queuedAt);
}

/** `wanted` of the edge's page: 1 while a request is open, and for some time after the last one. */
export function wantedByEdge(world: World): number {
  return openIn(world) > 0 || world.now < world.arrivedAt + WANTED_SECONDS ? 1 : 0;
}

/** Requests that the world has taken in and neither served nor refused. */
export function openIn({ edge, gateways }: World): number {
  return edge.length + gateways.reduce((sum, { work }) => sum + openRequests(work), 0);
}
