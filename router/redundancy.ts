// Which units have lost their second holder, or have one again, since this was last looked at. Pure.

export interface RedundancyChange {
  /** Units that had a second holder and have none any more; ascending. */
  lost: number[];
  /** Units that had lost it and have one again. */
  back: number[];
}

export class Redundancy {
  /** Units that have a second holder as far as the log says. */
  readonly #had = new Set<number>();
  /** Units whose loss is in the log. */
  readonly #lost = new Set<number>();

  /** `holders [units]`: how many shards can be called for each unit. A unit that never had a second holder has lost none. */
  look(holders: readonly number[]): RedundancyChange {
    const change: RedundancyChange = { lost: [], back: [] };
    for (const [unit, count] of holders.entries()) {
      if (count > 1) {
        this.#had.add(unit);
        if (this.#lost.delete(unit)) change.back.push(unit);
      } else if (this.#had.delete(unit)) {
        this.#lost.add(unit);
        change.lost.push(unit);
      }
    }
    return change;
  }
}
