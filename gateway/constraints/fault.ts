// The error for a specification that cannot be honoured. The API puts the name of the request's field before the path.

export class ConstraintFault extends Error {
  /** Place in the schema, such as `.properties.a.not` or `[1]`. Empty for the whole schema. */
  readonly path: string;
  /** The specification is invalid everywhere. Otherwise it is only unsupported here. */
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

/** Returns what `make` returns. `path` is put before the path of a fault that it throws. */
export function within<Result>(path: string, make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ConstraintFault)) throw cause;
    throw new ConstraintFault(cause.message, path + cause.path, cause);
  }
}
