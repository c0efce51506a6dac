// Finds the units that have lost their second holder, or have one again, and those that are borrowed from other zones, or no longer,
// since the last look. Pure.
import { formatUnits, toRanges } from '../experts/runs.ts';
import type { Source } from './replica-table.ts';

class Redundancy {
  /** Units that had a second holder at the last look. */
  readonly #had = new Set<number>();
  /** Units that have lost their second holder. */
  readonly #lost = new Set<number>();

  /**
   * `holders [units]`: number of shards that can be called for each unit. A unit that never had a second holder is not reported.
   * `lost` and `back` are in ascending order.
   */
  look(holders: readonly number[]): { lost: number[]; back: number[] } {
    const lost: number[] = [];
    const back: number[] = [];
    for (const [unit, count] of holders.entries()) {
      if (count > 1) {
        this.#had.add(unit);
        if (this.#lost.delete(unit)) back.push(unit);
      } else if (this.#had.delete(unit)) {
        this.#lost.add(unit);
        lost.push(unit);
      }
    }
    return { lost, back };
  }
}

class Borrowing {
  readonly #borrowed = new Set<number>();

  /** `sources [units]`. A borrowed unit that no shard serves any more is not reported. The lists are in ascending order. */
  look(sources: readonly Source[]): { began: number[]; ended: number[] } {
    const began: number[] = [];
    const ended: number[] = [];
    for (const [unit, source] of sources.entries()) {
      if (source === 'far' && !this.#borrowed.has(unit)) {
        this.#borrowed.add(unit);
        began.push(unit);
      } else if (source === 'near' && this.#borrowed.delete(unit)) ended.push(unit);
    }
    return { began, ended };
  }
}

interface Line {
  level: 'info' | 'warn';
  message: string;
}

/** Lines for the log about changes of redundancy and borrowing. */
export class RedundancyReport {
  readonly #redundancy = new Redundancy();
  readonly #borrowing = new Borrowing();

  /** The changes since the last look. `holders` and `sources`: see the fleet's methods of the same names. */
  look(
    { holders, sources }: { holders: readonly number[]; sources: readonly Source[] },
    { experts, zone }: { experts: number; zone: string | undefined },
  ): Line[] {
    const { lost, back } = this.#redundancy.look(holders);
    const { began, ended } = this.#borrowing.look(sources);
    const named = (units: number[]) => formatUnits(toRanges(units, experts));
    const lines: [number[], Line['level'], (units: string) => string][] = [
      [lost, 'warn', (units) => `redundancy is lost: no second shard serves ${units}`],
      [back, 'info', (units) => `redundancy is back: a second shard serves ${units}`],
      [
        began,
        'warn',
        (units) => `shards of other zones are called, because none of zone ${zone} serves ${units}`,
      ],
      [ended, 'info', (units) => `a shard of zone ${zone} serves again ${units}`],
    ];
    return lines
      .filter(([units]) => units.length > 0)
      .map(([units, level, text]) => ({ level, message: text(named(units)) }));
  }
}
