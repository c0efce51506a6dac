// The seam of a constraint: which token ids may come next. Runs inside the engine's step; rebuilt by replaying ids.
//
// Worked example: a sequence whose answer must be the ids 5 6 and then an end:
//   constraint.allow(logits)   // sets every logit but that of id 5 to -Infinity
//   constraint.advance(5)      // now only 6 is allowed

export interface Constraint {
  /** Sets the logits of forbidden ids to -Infinity, in place. `logits [vocab]` */
  allow(logits: Float32Array): void;
  /** Takes the chosen id into account; throws if it was forbidden. */
  advance(id: number): void;
}

/** What crosses threads: plain data that a constraint is compiled from. */
export type ConstraintSpec = {
  /** Only these ids may ever come (the model's own stop ids must be named to be allowed). */
  type: 'ids';
  ids: readonly number[];
};

/** Compiles a specification; `replay` are the ids generated so far. Unknown types throw. */
export function compileConstraint(spec: ConstraintSpec, replay: readonly number[] = []): Constraint {
  switch (spec.type) {
    case 'ids': {
      const constraint = new AllowedIds(new Set(spec.ids));
      for (const id of replay) constraint.advance(id);
      return constraint;
    }
    default:
      throw new Error(`unknown constraint type ${JSON.stringify((spec as { type: unknown }).type)}`);
  }
}

class AllowedIds implements Constraint {
  readonly #ids: ReadonlySet<number>;

  constructor(ids: ReadonlySet<number>) {
    this.#ids = ids;
  }

  allow(logits: Float32Array): void {
    for (let id = 0; id < logits.length; id++) if (!this.#ids.has(id)) logits[id] = Number.NEGATIVE_INFINITY;
  }

  advance(id: number): void {
    if (!this.#ids.has(id)) throw new Error(`token ${id} is not allowed by the constraint`);
  }
}
