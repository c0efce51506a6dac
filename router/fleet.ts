// All the shards of a gateway: who holds an expert, what is missing, how they fare. Knows no rows and no sockets.
import { formatRuns, type ModelShape } from '../experts/wire.ts';
import type { Member } from './member.ts';
import { type FleetLog, Shard, type ShardCounters } from './shard.ts';

export interface FleetOptions {
  members: readonly Member[];
  model: ModelShape;
  /** Release of this gateway, told to the shards. */
  version?: string;
  log?: FleetLog;
}

export interface ShardStatus {
  address: string;
  connected: boolean;
  /** Units (layer, expert) that it can be called for now. */
  units: number;
  numericsClass: string | undefined;
}

export interface MissingUnits {
  layer: number;
  /** `0-23,40` */
  experts: string;
}

export class Fleet {
  readonly #model: ModelShape;
  readonly #shards: readonly Shard[];
  readonly #listeners = new Set<() => void>();
  /** `[layers * experts]`, the shards that hold each unit; made anew after a change. */
  #holders: Shard[][] | undefined;

  /** Starts connecting to every member. */
  constructor({ members, model, version = 'unknown', log = () => {} }: FleetOptions) {
    this.#model = model;
    const onChange = () => {
      this.#holders = undefined;
      for (const listener of [...this.#listeners]) listener();
    };
    this.#shards = members.map((member) => new Shard({ member, model, version, log, onChange }));
  }

  /** Of the shards that hold the unit, the one with the fewest calls in flight; undefined if none can be called. */
  lookup(layer: number, expert: number): Shard | undefined {
    let best: Shard | undefined;
    for (const shard of this.#table()[layer * this.#model.experts + expert] ?? []) {
      if (best === undefined || shard.inFlight < best.inFlight) best = shard;
    }
    return best;
  }

  /** Every unit has a shard that can be called. */
  get ready(): boolean {
    return this.#table().every((holders) => holders.length > 0);
  }

  /** Units without one, by layer. */
  missing(): MissingUnits[] {
    const { layers, experts } = this.#model;
    const table = this.#table();
    const missing: MissingUnits[] = [];
    for (let layer = 0; layer < layers; layer++) {
      const ofLayer = Array.from({ length: experts }, (_, expert) => expert).filter(
        (expert) => table[layer * experts + expert]?.length === 0,
      );
      if (ofLayer.length > 0) missing.push({ layer, experts: formatRuns(ofLayer) });
    }
    return missing;
  }

  status(): ShardStatus[] {
    return this.#shards.map(({ address, connected, holdings, numericsClass }) => {
      const units = holdings.reduce((sum, [, first, last]) => sum + last - first + 1, 0);
      return { address, connected, units, numericsClass };
    });
  }

  /** Numerics classes of the connected shards, each once, sorted. */
  get numericsClasses(): string[] {
    const classes = this.#shards.flatMap(({ numericsClass }) => numericsClass ?? []);
    return [...new Set(classes)].sort();
  }

  /** Sums over all shards, since the start. */
  get counters(): ShardCounters {
    const sum: ShardCounters = {
      calls: 0,
      rows: 0,
      failures: 0,
      reconnects: 0,
      bytesSent: 0,
      bytesReceived: 0,
    };
    for (const { counters } of this.#shards) {
      for (const name of Object.keys(sum) as (keyof ShardCounters)[]) sum[name] += counters[name];
    }
    return sum;
  }

  /** Told after every change of what is held or connected. Returns a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves to whether every unit has a shard, as soon as that is so, or when `withinMs` have passed. */
  whenReady(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.ready) return resolve(true);
      const settle = () => {
        stop();
        clearTimeout(timer);
        resolve(this.ready);
      };
      const timer = setTimeout(settle, withinMs);
      const stop = this.onChange(() => {
        if (this.ready) settle();
      });
    });
  }

  /** Rejects what is in flight and stops reconnecting. */
  close(): void {
    for (const shard of this.#shards) shard.close();
    this.#holders = undefined;
  }

  #table(): Shard[][] {
    this.#holders ??= this.#makeTable();
    return this.#holders;
  }

  #makeTable(): Shard[][] {
    const { layers, experts } = this.#model;
    const table: Shard[][] = Array.from({ length: layers * experts }, () => []);
    for (const shard of this.#shards) {
      const held = new Set<number>(); // ranges of one shard may overlap
      for (const [layer, first, last] of shard.holdings) {
        for (let expert = first; expert <= last; expert++) held.add(layer * experts + expert);
      }
      for (const unit of held) table[unit]?.push(shard);
    }
    return table;
  }
}
