// The seam of a constraint: which token ids may come next. Runs inside the engine's step; rebuilt by replaying ids.
//
// Worked example: a sequence whose answer must be the ids 5 6 and then an end:
//   constraint.allow(logits)   // sets every logit but that of id 5 to -Infinity
//   constraint.advance(5)      // now only 6 is allowed

export interface Constraint {
  /** The answer is whole: no id may follow but one that ends it. */
  readonly finished: boolean;
  /** Which ids may come next is known, so that `allow` takes no time to speak of. */
  readonly ready: boolean;
  /**
   * Finds out which ids may come next, until `isOver`; goes on there when it is called again. True: it is known.
   * Throws a ConstraintFault if it cannot be found out.
   */
  prepare(isOver: () => boolean): boolean;
  /** Sets the logits of forbidden ids to -Infinity, in place. `logits [vocab]` */
  allow(logits: Float32Array): void;
  /** Takes the chosen id into account, one that ends the answer too; throws if it was forbidden. */
  advance(id: number): void;
  /** Nothing more is asked of it: what it holds may be forgotten. */
  close(): void;
}

/** Only these ids may ever come. */
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

/** Any id may come, always. */
export const unconstrained: Constraint = {
  finished: false,
  ready: true,
  prepare: () => true,
  allow: () => {},
  advance: () => {},
  close: () => {},
};
