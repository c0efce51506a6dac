// Which regions are wanted. An autoscaler reads it, to start the cell of a region and to scale it to zero.

/** Knows when each region was wanted last, in milliseconds since the epoch. */
export interface DemandStore {
  note(region: string, at: number): void | Promise<void>;
  read(): ReadonlyMap<string, number> | Promise<ReadonlyMap<string, number>>;
}

/** A region is wanted for this time after its last request. Autoscalers look every 15 to 30 s, and long requests are noted every 20 s. */
const WANTED_MS = 60_000;
/** A region is noted at most once in this time, because a note can be a write to a disk far away. */
const NOTED_MS = 5_000;

export interface RegionDemand {
  region: string;
  /** A number, because autoscalers read numbers. */
  wanted: 0 | 1;
  /** Seconds since the last request that was made or in progress. Null: there was none. */
  idle_seconds: number | null;
}

export function memoryDemand(): DemandStore {
  const times = new Map<string, number>();
  return { note: (region, at) => void times.set(region, at), read: () => times };
}

export class Demand {
  readonly #store: DemandStore;
  readonly #regions: readonly string[];
  readonly #onFailure: (cause: unknown) => void;
  readonly #notedAt = new Map<string, number>();

  constructor(
    store: DemandStore,
    { regions, onFailure }: { regions: readonly string[]; onFailure: (cause: unknown) => void },
  ) {
    this.#store = store;
    this.#regions = regions;
    this.#onFailure = onFailure;
  }

  /** Notes that a request wants the region. Never rejects. */
  async want(region: string, now = Date.now()): Promise<void> {
    if (now - (this.#notedAt.get(region) ?? Number.NEGATIVE_INFINITY) < NOTED_MS) return;
    this.#notedAt.set(region, now);
    try {
      await this.#store.note(region, now);
    } catch (cause) {
      // So that the next request notes it.
      this.#notedAt.delete(region);
      this.#onFailure(cause);
    }
  }

  /** Rejects if the store does not answer: an autoscaler must not take that for no demand. */
  async report(now = Date.now()): Promise<{ object: 'scaling'; regions: RegionDemand[] }> {
    const times = await this.#store.read();
    const regions = this.#regions.map((region): RegionDemand => {
      const at = times.get(region);
      const idleMs = at === undefined ? undefined : Math.max(0, now - at);
      return {
        region,
        wanted: idleMs !== undefined && idleMs < WANTED_MS ? 1 : 0,
        idle_seconds: idleMs === undefined ? null : Math.round(idleMs / 1_000),
      };
    });
    return { object: 'scaling', regions };
  }
}
