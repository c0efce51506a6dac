// The seam of a constraint: which token ids may come next. Runs inside the engine's step; rebuilt by replaying ids.
//
// Worked example: a sequence whose answer must be the ids 5 6 and then an end:
//   constraint.allow(logits)   // sets every logit but that of id 5 to -Infinity
//   constraint.advance(5)      // now only 6 is allowed

export interface Constraint {
  /** The answer is whole: no id may follow but one that ends it. */
  readonly finished: boolean;
  /** Sets the logits of forbidden ids to -Infinity, in place. `logits [vocab]` */
  allow(logits: Float32Array): void;
  /** Takes the chosen id into account, one that ends the answer too; throws if it was forbidden. */
  advance(id: number): void;
}

/** Only these ids may ever come. */
export class AllowedIds implements Constraint {
  readonly finished = false;
  readonly #ids: ReadonlySet<number>;

  constructor(ids: readonly number[]) {
    this.#ids = new Set(ids);
  }

  allow(logits: Float32Array): void {
    for (let id = 0; id < logits.length; id++) if (!this.#ids.has(id)) logits[id] = Number.NEGATIVE_INFINITY;
  }

  advance(id: number): void {
    if (!this.#ids.has(id)) throw new Error(`token ${id} is not allowed by the constraint`);
  }
}

/** Any id may come, always. */
export const unconstrained: Constraint = { finished: false, allow: () => {}, advance: () => {} };
