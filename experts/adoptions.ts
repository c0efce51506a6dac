// Which placement each connected gateway acts on, as they say, and so whether what an earlier one needed may go. Pure.

export class Adoptions {
  readonly #by = new Map<object, number>();
  /** Epochs begin at 1. */
  #witnessed = 0;

  /** `caller` calls by the placement of `epoch` from now on, having found it served whole; 0: by none. */
  say(caller: object, epoch: number): void {
    this.#by.set(caller, epoch);
    this.#witnessed = Math.max(this.#witnessed, epoch);
  }

  knows(caller: object): boolean {
    return this.#by.has(caller);
  }

  /** It is connected no more. */
  leave(caller: object): void {
    this.#by.delete(caller);
  }

  /**
   * Somebody has found `epoch` served whole, and nobody who is connected acts on an earlier one. Nor on a later one: that
   * may want here what `epoch` does not, and will be brought. A caller that never said what it acts on holds nothing back:
   * it is told what is held, and asks elsewhere.
   */
  reached(epoch: number): boolean {
    if (this.#witnessed !== epoch) return false;
    for (const adopted of this.#by.values()) if (adopted !== epoch) return false;
    return true;
  }
}
