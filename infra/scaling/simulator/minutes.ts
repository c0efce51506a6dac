// The record of a simulated run: one row a minute.
import type { CellModel } from './cell-model.ts';
import { kvHeld } from './gateway-model.ts';
import type { ArrivingRequest } from './traffic.ts';
import { queueSeconds, replicasOf, type World } from './world.ts';

export interface Minute {
  /** Start of the minute, in seconds. */
  second: number;
  /** Requests that arrived in it. */
  requests: number;
  /** Of the gateways, then of each group, at its end. */
  replicas: { current: number; ready: number }[];
  /** Waits of the requests that arrived in it, until a gateway admitted them. Infinite for those that were refused. */
  waitP99: number;
  /** How long the first request of a queue had waited, at most. */
  queueSeconds: number;
  /** Mean part of the KV memory of the ready gateways. */
  kvUsed: number;
  /** The highest of each group. */
  utilisation: number[];
  /** Requests that arrived in it and waited longer than `LATE_SECONDS` or were refused. */
  late: number;
  coreHours: number;
  gibHours: number;
}

export const LATE_SECONDS = 10;

interface Results {
  requests: readonly ArrivingRequest[];
  waits: Float64Array;
  refused: ReadonlySet<number>;
  /** Length of the run. */
  seconds: number;
}

/** Collects the steps of a run. */
export class MinuteBook {
  readonly #cell: CellModel;
  readonly #minutes: Minute[];
  /** Steps of each minute. */
  readonly #steps: number[];

  constructor(cell: CellModel, seconds: number) {
    this.#cell = cell;
    this.#minutes = Array.from({ length: Math.ceil(seconds / 60) }, (_, i) => ({
      ...{ second: 60 * i, requests: 0, replicas: [], waitP99: 0, queueSeconds: 0, kvUsed: 0 },
      ...{ utilisation: cell.groups.map(() => 0), late: 0 },
      ...{ coreHours: 0, gibHours: 0 },
    }));
    this.#steps = this.#minutes.map(() => 0);
  }

  /** To be called after a step of `seconds`. */
  add(world: World, seconds: number): void {
    const index = Math.min(this.#minutes.length - 1, Math.floor((world.now - seconds / 2) / 60));
    const minute = this.#minutes[index];
    if (minute === undefined) return;
    this.#steps[index] = (this.#steps[index] ?? 0) + 1;
    const works = world.gateways.map(({ work }) => work);
    const kv = works.reduce((sum, work) => sum + kvHeld(work), 0);
    minute.kvUsed += works.length === 0 ? 0 : kv / (works.length * this.#cell.gateway.kvTokens);
    minute.replicas = replicasOf(world);
    minute.queueSeconds = Math.max(
      minute.queueSeconds,
      ...works.map((work) => queueSeconds(work, world.now)),
    );
    minute.utilisation = world.loads.map(({ utilisation }, i) =>
      Math.max(minute.utilisation[i] ?? 0, utilisation),
    );
    const { gateway, groups } = this.#cell;
    const pods = [
      { kind: gateway, count: works.length },
      ...groups.map((kind, i) => ({ kind, count: world.shards[i]?.length ?? 0 })),
    ];
    for (const { kind, count } of pods) {
      minute.coreHours += (count * kind.cores * seconds) / 3600;
      minute.gibHours += (count * kind.memoryGiB * seconds) / 3600;
    }
  }

  /** A request that no gateway has admitted counts with the time until the end, a refused one as if it waited for ever. */
  close({ requests, waits, refused, seconds }: Results): Minute[] {
    const ofMinute = new Map<number, number[]>();
    for (const [i, { at }] of requests.entries()) {
      const index = Math.floor(at / 60);
      const waited = waits[i] ?? Number.NaN;
      const open = Number.isNaN(waited) ? seconds - at : waited;
      const own = ofMinute.get(index) ?? [];
      ofMinute.set(index, own);
      own.push(refused.has(i) ? Number.POSITIVE_INFINITY : open);
    }
    for (const [i, minute] of this.#minutes.entries()) {
      const sorted = (ofMinute.get(i) ?? []).sort((a, b) => a - b);
      minute.requests = sorted.length;
      minute.waitP99 = percentileOf(sorted, 0.99);
      minute.late = sorted.filter((wait) => wait > LATE_SECONDS).length;
      minute.kvUsed /= Math.max(1, this.#steps[i] ?? 0);
    }
    return this.#minutes;
  }
}

/** Of sorted values; 0 if there are none. */
export function percentileOf(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}
