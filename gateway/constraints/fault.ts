// A specification that cannot be honoured. Knows no HTTP: whoever answers the caller puts the field's name before the path.

export class ConstraintFault extends Error {
  /** Where in the schema, `.properties.a.not` or `[1]`; empty: the whole. */
  readonly path: string;

  constructor(message: string, path = '') {
    super(message);
    this.name = 'ConstraintFault';
    this.path = path;
  }
}

/** What `make` gives; the place of a fault in it is told from `path` on. */
export function within<Result>(path: string, make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    throw new ConstraintFault(cause.message, path + cause.path);
  }
}
