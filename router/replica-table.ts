// Lists each unit's replicas at one moment: exact ones, those of other numerics classes, and standbys. Knows no calls.
import { formatRuns, type HoldingRange } from '../experts/runs.ts';
import type { ModelShape } from '../experts/wire/model.ts';
import { hasReplica, type Replicas, rungLevel } from './delivery/ladder.ts';
import { unitsIn } from './shards/units.ts';

export interface Holder {
  /** The units that the shard can be called for now. */
  readonly holdings: readonly HoldingRange[];
  readonly standby: boolean;
  /** False for a shard of another zone than the gateway's. */
  readonly isNear: boolean;
  /** Shards with the same string answer with the same bits. */
  readonly bitsOf: string | undefined;
  /** Name of the shard in placements. */
  readonly name: string | undefined;
}

export interface ReplicaTableOptions<S extends Holder> {
  shape: ModelShape;
  holders: readonly S[];
  /**
   * `[layers * experts]`, `bitsOf` of the exact replicas of each unit. The constructor fills in a missing entry from a holder
   * of the unit. If there are several holders, it takes a near one before others, and then the one with the most units in total.
   */
  classes: (string | undefined)[];
  /** See `Epochs.stays`. */
  stays: (name: string | undefined, unit: number) => boolean;
}

/** Units of one layer that lack an exact replica, or a second one. */
export interface MissingUnits {
  layer: number;
  /** Such as `0-23,40`. */
  experts: string;
}

/** The shards that serve a unit exactly: some of this zone, only some of other zones, or none. */
export type Source = 'near' | 'far' | 'none';

/** Unit numbers are layer * experts + expert. */
export class ReplicaTable<S extends Holder> {
  readonly #shape: ModelShape;
  /** By unit. */
  readonly #replicas: Replicas<S>[];
  /** Results of `#list`, by name. */
  readonly #listed = new Map<string, MissingUnits[]>();
  /** Kept, because it is asked for whenever a request comes while none runs. */
  #unsettled: readonly number[] | undefined;
  /** True if some unit has a second exact replica. */
  readonly replicated: boolean;
  /** True if every unit has an exact replica. */
  readonly whole: boolean;

  constructor({ shape, holders, classes, stays }: ReplicaTableOptions<S>) {
    const { layers, experts } = shape;
    const table = Array.from({ length: layers * experts }, () => {
      return { exact: [] as S[], otherClass: [] as S[], standby: [] as S[] };
    });
    const ranked = [...holders].sort(
      (a, b) => Number(b.isNear) - Number(a.isNear) || unitsIn(b.holdings) - unitsIn(a.holdings),
    );
    for (const holder of ranked) {
      for (const unit of unitsOf(holder.holdings, experts)) {
        const replicas = table[unit];
        if (replicas === undefined) continue;
        if (holder.standby) replicas.standby.push(holder);
        else {
          classes[unit] ??= holder.bitsOf;
          (classes[unit] === holder.bitsOf ? replicas.exact : replicas.otherClass).push(holder);
        }
      }
    }
    for (const [unit, replicas] of table.entries()) {
      const staying = replicas.exact.filter(({ name }) => stays(name, unit));
      if (staying.length > 0) replicas.exact = staying; // the others are about to be unloaded
    }
    this.#shape = shape;
    this.#replicas = table;
    this.replicated = table.some(({ exact }) => exact.length > 1);
    this.whole = table.every(({ exact }) => exact.length > 0);
  }

  of(layer: number, expert: number): Replicas<S> | undefined {
    return this.#replicas[layer * this.#shape.experts + expert];
  }

  /** True if every row that allows `level` of the ladder (ladder.ts) can be answered. */
  readyFor(level: number): boolean {
    if (this.whole || level >= rungLevel('pass_through')) return true;
    const served = (replicas: Replicas<S>) => hasReplica(replicas, level, () => true);
    if (level < rungLevel('next_best')) return this.#replicas.every(served);
    const { layers, experts } = this.#shape;
    return Array.from({ length: layers }, (_, layer) => layer * experts).every((first) =>
      this.#replicas.slice(first, first + experts).some(served),
    );
  }

  /** Number of exact replicas by unit. */
  holders(): number[] {
    return this.#replicas.map(({ exact }) => exact.length);
  }

  /** Units without an exact replica, by layer. */
  missing(): MissingUnits[] {
    return this.#list('missing', ({ exact }) => exact.length === 0);
  }

  /** Units with one exact replica, by layer. */
  single(): MissingUnits[] {
    return this.#list('single', ({ exact }) => exact.length === 1);
  }

  /** Units that only shards of other zones serve exactly, by layer. */
  borrowed(): MissingUnits[] {
    return this.#list('borrowed', (replicas) => sourceOf(replicas) === 'far');
  }

  /** The result is kept, because every scrape of /metrics needs it. */
  #list(name: string, isListed: (replicas: Replicas<S>) => boolean): MissingUnits[] {
    const known = this.#listed.get(name);
    if (known !== undefined) return known;
    const { layers, experts } = this.#shape;
    const listed: MissingUnits[] = [];
    for (let layer = 0; layer < layers; layer++) {
      const ofLayer = Array.from({ length: experts }, (_, expert) => expert).filter((expert) =>
        isListed(this.#replicas[layer * experts + expert]!),
      );
      if (ofLayer.length > 0) listed.push({ layer, experts: formatRuns(ofLayer) });
    }
    this.#listed.set(name, listed);
    return listed;
  }

  /** `[layers * experts]`, which shards serve each unit exactly. */
  sources(): Source[] {
    return this.#replicas.map(sourceOf);
  }

  /** Units whose class should be chosen anew: it has no shard left, or no near one although another class has. */
  unsettled(): readonly number[] {
    this.#unsettled ??= [...this.#replicas.entries()].flatMap(([unit, { exact, otherClass }]) => {
      const isLost = exact.length === 0 && otherClass.length > 0;
      const isFar = !exact.some(({ isNear }) => isNear) && otherClass.some(({ isNear }) => isNear);
      return isLost || isFar ? [unit] : [];
    });
    return this.#unsettled;
  }

  /** The units of `holdings`, ascending, that have no exact replica for which `counts` is true. */
  onlyIn(holdings: readonly HoldingRange[], counts: (holder: S) => boolean): number[] {
    const units = [...unitsOf(holdings, this.#shape.experts)].sort((a, b) => a - b);
    return units.filter((unit) => this.#replicas[unit]?.exact.some(counts) !== true);
  }

  /** True if some unit of `holdings` has no exact replica in this zone. */
  lacksAnyOf(holdings: readonly HoldingRange[]): boolean {
    for (const unit of unitsOf(holdings, this.#shape.experts)) {
      if (this.#replicas[unit]?.exact.some(({ isNear }) => isNear) === false) return true;
    }
    return false;
  }
}

function sourceOf({ exact }: Replicas<Holder>): Source {
  if (exact.length === 0) return 'none';
  return exact.some(({ isNear }) => isNear) ? 'near' : 'far';
}

/** A set, because the ranges of a shard may overlap. */
function unitsOf(holdings: readonly HoldingRange[], experts: number): Set<number> {
  const units = new Set<number>();
  for (const [layer, first, last] of holdings) {
    for (let expert = first; expert <= last; expert++) units.add(layer * experts + expert);
  }
  return units;
}
