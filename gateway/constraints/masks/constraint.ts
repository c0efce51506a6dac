// The interface of a constraint, which says which token ids may come next. Constraints run in the engine's thread. A preempted
// sequence gets a new constraint, which is advanced by the ids generated so far.
//
// Worked example: a sequence whose answer must be the ids 5 6 and then an end:
//   constraint.allow(logits)   // sets the logits of all ids except 5 to -Infinity
//   constraint.advance(5)      // now only 6 is allowed

export interface Constraint {
  /** The answer is complete: only an id that ends the answer may follow. */
  readonly finished: boolean;
  /** The ids that may come next are known, so `allow` takes almost no time. */
  readonly ready: boolean;
  /**
   * Searches for the ids that may come next until they are found or `isOver` returns true. Another call continues the search.
   * Returns whether the ids are known. Throws a ConstraintFault if they cannot be found.
   */
  prepare(isOver: () => boolean): boolean;
  /** Sets the logits of forbidden ids to -Infinity, in place. `logits [vocab]` */
  allow(logits: Float32Array): void;
  /** Advances by the chosen id, which may end the answer. Throws an Error if the id was forbidden. */
  advance(id: number): void;
  /** Frees the constraint's memory. The constraint must not be used afterwards. */
  close(): void;
}

/** Allows only these ids. */
export class AllowedIds implements Constraint {
  readonly finished = false;
  readonly ready = true;
  readonly #ids: ReadonlySet<number>;

  constructor(ids: readonly number[]) {
    this.#ids = new Set(ids);
  }

  prepare(): boolean {
    return true;
  }

  allow(logits: Float32Array): void {
    const kept = Array.from(this.#ids, (id) => [id, logits[id]] as const);
    logits.fill(Number.NEGATIVE_INFINITY);
    for (const [id, logit] of kept) if (logit !== undefined) logits[id] = logit;
  }

  advance(id: number): void {
    if (!this.#ids.has(id)) throw new Error(`token ${id} is not allowed by the constraint`);
  }

  close(): void {}
}

/** Allows every id. */
export const unconstrained: Constraint = {
  finished: false,
  ready: true,
  prepare: () => true,
  allow: () => {},
  advance: () => {},
  close: () => {},
};
