// A specification that cannot be honoured. Knows no HTTP: whoever answers the caller puts the field's name before the path.

export class ConstraintFault extends Error {
  /** Where in the schema, `.properties.a.not` or `[1]`; empty: the whole. */
  readonly path: string;
  /** The specification means nothing, here or elsewhere. Otherwise it is only not supported here. */
  readonly invalid: boolean;
  /** Finding it out took a second's work or so. */
  readonly costly: boolean;

  constructor(
    message: string,
    path = '',
    { invalid = false, costly = false }: { invalid?: boolean; costly?: boolean } = {},
  ) {
    super(message);
    this.name = 'ConstraintFault';
    this.path = path;
    this.invalid = invalid;
    this.costly = costly;
  }
}

/** What `make` gives; the place of a fault in it is told from `path` on. */
export function within<Result>(path: string, make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    throw new ConstraintFault(cause.message, path + cause.path, cause);
  }
}
