// Simulates a cell under a trace of requests, steered by the rules or by a plan. Pure: the same input gives the same result.

import { type Change, countsAfter, isDue, newScaler, type ScalerSettings, scale } from '../scaler.ts';
import type { CellModel } from './cell-model.ts';
import { type Minute, MinuteBook } from './minutes.ts';
import type { ArrivingRequest } from './traffic.ts';
import {
  arrive,
  newWorld,
  openIn,
  pagesOf,
  queueSeconds,
  replicasOf,
  setReplicas,
  step,
  wantedByEdge,
} from './world.ts';

/** Numbers of replicas: of gateways, then of each group. */
export type Counts = readonly number[];

export type Steering =
  | { by: 'rules'; settings: ScalerSettings }
  /** `counts` is asked every second. */
  | { by: 'plan'; counts: (second: number) => Counts };

export interface Simulation {
  cell: CellModel;
  /** In the order of their arrival. */
  requests: readonly ArrivingRequest[];
  seconds: number;
  steering: Steering;
  /** Pods that are ready at the start. */
  start: Counts;
  /** Default 1. */
  stepSeconds?: number;
  /** Called after each step, for a comparison with measurements. */
  onStep?: (sample: Sample) => void;
}

export interface Sample {
  second: number;
  replicas: readonly { current: number; ready: number }[];
  /** The highest of all gateways. */
  queueSeconds: number;
}

export interface Outcome {
  minutes: Minute[];
  changes: Change[];
  /** By the number of the request: seconds until a gateway admitted it; NaN if none did. */
  waits: Float64Array;
  /** By the number of the request: seconds from its admission to its end; NaN if it has not ended. */
  runs: Float64Array;
  requests: number;
  served: number;
  refused: number;
  /** Neither served nor refused at the end. */
  open: number;
}

export function simulate(simulation: Simulation): Outcome {
  const { cell, requests, seconds, steering, start, stepSeconds = 1 } = simulation;
  const world = newWorld(cell, requests.length, start);
  const book = new MinuteBook(cell, seconds);
  const changes: Change[] = [];
  let scaler = steering.by === 'rules' ? newScaler(steering.settings, 0) : undefined;
  let arrived = 0;
  const steps = Math.round(seconds / stepSeconds);
  for (let i = 0; i < steps; i++) {
    // A multiplication, because sums of small steps drift.
    world.now = i * stepSeconds;
    const end = (i + 1) * stepSeconds;
    for (; (requests[arrived]?.at ?? Number.POSITIVE_INFINITY) < end; arrived++) {
      const request = requests[arrived];
      if (request !== undefined) arrive(world, request, arrived, world.now);
    }
    if (steering.by === 'plan') setReplicas(world, steering.counts(world.now));
    else if (scaler !== undefined && isDue(scaler, steering.settings, world.now)) {
      const { settings } = steering;
      const now = world.now;
      const replicas = replicasOf(world);
      const input = { now, replicas, wantedByEdge: wantedByEdge(world), read: () => pagesOf(world) };
      const decided = scale(scaler, settings, input);
      scaler = decided.state;
      if (decided.changes.length > 0) setReplicas(world, countsAfter(settings, replicas, decided.changes));
      changes.push(...decided.changes);
    }
    step(world, stepSeconds);
    book.add(world, stepSeconds);
    simulation.onStep?.({
      second: end,
      replicas: replicasOf(world),
      queueSeconds: Math.max(0, ...world.gateways.map(({ work }) => queueSeconds(work, world.now))),
    });
  }
  const { waits, runs, served, refused } = world;
  const minutes = book.close({ requests, waits, refused, seconds });
  const open = openIn(world);
  return { minutes, changes, waits, runs, requests: arrived, served, refused: refused.size, open };
}
