// Finds the units that have lost their second holder, or have one again, since the last look. Pure.

export class Redundancy {
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
