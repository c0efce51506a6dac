// Caches results of functions, so that each result is computed once.

/** Keeps the result of `make` for each object for as long as the object is in memory. */
export function weaklyKept<Argument extends object, Value>(make: (argument: Argument) => Value) {
  const made = new WeakMap<Argument, Value>();
  return (argument: Argument): Value => {
    const known = made.get(argument);
    if (known !== undefined) return known;
    const value = make(argument);
    made.set(argument, value);
    return value;
  };
}

/** Keeps the results of `make` for up to `most` keys, except undefined. A further key clears all results. */
export function keptUpTo<Argument, Value>(
  most: number,
  make: (argument: Argument) => Value,
  keyOf: (argument: Argument) => unknown = (argument) => argument,
) {
  const made = new Map<unknown, Value>();
  return (argument: Argument): Value => {
    const key = keyOf(argument);
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(argument);
    if (value === undefined) return value;
    if (made.size >= most) made.clear();
    made.set(key, value);
    return value;
  };
}
