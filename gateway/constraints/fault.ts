// The error for a specification that cannot be honoured. The API puts the name of the request's field before the path and the
// message, so messages call the specification "it".

export class ConstraintFault extends Error {
  /** Place in the schema, such as `.properties.a.not` or `[1]`. Empty for the whole specification. */
  readonly path: string;
  /** The specification is invalid. If false, it may be valid, but this server does not support it. */
  readonly invalid: boolean;
  /** Finding the fault took about a second of work. */
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

/** Returns the result of `make`. If `make` throws a fault, this throws the fault with `path` before the fault's own path. */
export function within<Result>(path: string, make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    throw new ConstraintFault(cause.message, path + cause.path, cause);
  }
}
