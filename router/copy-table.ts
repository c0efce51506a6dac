// Who holds a copy of each unit, and how good it is, as the shards are at one moment. Knows no calls and no connections.

import { formatRuns, type HoldingRange } from '../experts/runs.ts';
import type { ModelShape } from '../experts/wire.ts';
import { bestCopies, type Copies, rungLevel } from './delivery/ladder.ts';
import { unitsIn } from './shards/units.ts';

export interface Holder {
  /** What it can be called for now. */
  readonly holdings: readonly HoldingRange[];
  readonly standby: boolean;
  /** Names all that decides the bits of its answers. */
  readonly bitsOf: string | undefined;
  /** What placements call it. */
  readonly name: string | undefined;
}

export interface CopyTableOptions<S extends Holder> {
  shape: ModelShape;
  holders: readonly S[];
  /**
   * `[layers * experts]`, what decides the bits of the exact copies of each unit; filled in where a unit has none yet: the
   * class that serves most is the first to be taken.
   */
  classes: (string | undefined)[];
  /** Whether the copy of a holder of that name is to stay where it is. */
  stays: (name: string | undefined, unit: number) => boolean;
}

export interface MissingUnits {
  layer: number;
  /** `0-23,40` */
  experts: string;
}

export class CopyTable<S extends Holder> {
  readonly #shape: ModelShape;
  /** `[layers * experts]` */
  readonly #copies: Copies<S>[];
  /** Units by how many exact copies they have. */
  readonly #listed = new Map<number, MissingUnits[]>();
  /** Some unit has a second exact copy. */
  readonly replicated: boolean;
  /** Every unit has an exact copy. */
  readonly whole: boolean;

  constructor({ shape, holders, classes, stays }: CopyTableOptions<S>) {
    const { layers, experts } = shape;
    const table = Array.from({ length: layers * experts }, () => {
      return { exact: [] as S[], other: [] as S[], standby: [] as S[] };
    });
    const ranked = [...holders].sort((a, b) => unitsIn(b.holdings) - unitsIn(a.holdings));
    for (const holder of ranked) {
      for (const unit of unitsOf(holder.holdings, experts)) {
        const copies = table[unit];
        if (copies === undefined) continue;
        if (holder.standby) copies.standby.push(holder);
        else {
          classes[unit] ??= holder.bitsOf;
          (classes[unit] === holder.bitsOf ? copies.exact : copies.other).push(holder);
        }
      }
    }
    for (const [unit, copies] of table.entries()) {
      const staying = copies.exact.filter(({ name }) => stays(name, unit));
      if (staying.length > 0) copies.exact = staying; // the others are about to go
    }
    this.#shape = shape;
    this.#copies = table;
    this.replicated = table.some(({ exact }) => exact.length > 1);
    this.whole = table.every(({ exact }) => exact.length > 0);
  }

  of(layer: number, expert: number): Copies<S> | undefined {
    return this.#copies[layer * this.#shape.experts + expert];
  }

  /** Every row can be answered by what `level` of the ladder allows (ladder.ts). */
  readyFor(level: number): boolean {
    if (this.whole || level >= rungLevel('pass_through')) return true;
    const served = (copies: Copies<S>) => bestCopies(copies, level, () => true) !== undefined;
    if (level < rungLevel('next_best')) return this.#copies.every(served);
    const { layers, experts } = this.#shape;
    return Array.from({ length: layers }, (_, layer) => layer * experts).every((first) =>
      this.#copies.slice(first, first + experts).some(served),
    );
  }

  /** Units without an exact copy, by layer. */
  missing(): MissingUnits[] {
    return this.#having(0);
  }

  /** Units with one exact copy and no second, by layer. */
  single(): MissingUnits[] {
    return this.#having(1);
  }

  /** `[layers * experts]`, exact copies of each. */
  holders(): number[] {
    return this.#copies.map(({ exact }) => exact.length);
  }

  /** Asked for at each look at /metrics, and made once. */
  #having(copies: number): MissingUnits[] {
    const known = this.#listed.get(copies);
    if (known !== undefined) return known;
    const { layers, experts } = this.#shape;
    const having: MissingUnits[] = [];
    for (let layer = 0; layer < layers; layer++) {
      const ofLayer = Array.from({ length: experts }, (_, expert) => expert).filter(
        (expert) => this.of(layer, expert)?.exact.length === copies,
      );
      if (ofLayer.length > 0) having.push({ layer, experts: formatRuns(ofLayer) });
    }
    this.#listed.set(copies, having);
    return having;
  }

  /** Units (layer * experts + expert) that only shards of another numerics class than theirs hold. */
  ofOtherClasses(): number[] {
    return [...this.#copies.entries()].flatMap(([unit, { exact, other }]) =>
      exact.length === 0 && other.length > 0 ? [unit] : [],
    );
  }

  /** Units of `holdings` (layer * experts + expert, ascending) without an exact copy at a shard that `counts`. */
  onlyIn(holdings: readonly HoldingRange[], counts: (holder: S) => boolean): number[] {
    const units = [...unitsOf(holdings, this.#shape.experts)].sort((a, b) => a - b);
    return units.filter((unit) => this.#copies[unit]?.exact.some(counts) !== true);
  }

  /** Some of them has no exact copy. */
  lacksAnyOf(holdings: readonly HoldingRange[]): boolean {
    for (const unit of unitsOf(holdings, this.#shape.experts)) {
      if (this.#copies[unit]?.exact.length === 0) return true;
    }
    return false;
  }
}

/** Each once: ranges of one shard may overlap. */
function unitsOf(holdings: readonly HoldingRange[], experts: number): Set<number> {
  const units = new Set<number>();
  for (const [layer, first, last] of holdings) {
    for (let expert = first; expert <= last; expert++) units.add(layer * experts + expert);
  }
  return units;
}
