// Keeps results of functions, so that a function works once for each argument.

/** Keeps the result of `make` for each object for as long as the object is in memory. */
export function weaklyKept<Argument extends object, Value>(make: (argument: Argument) => Value) {
  const made = new WeakMap<Argument, Value>();
  return (argument: Argument): Value => {
    const value = made.get(argument) ?? make(argument);
    made.set(argument, value);
    return value;
  };
}

/** Keeps the results of `make` for up to `most` keys. When there are more, it forgets all of them. */
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
    if (made.size >= most) made.clear();
    made.set(key, value);
    return value;
  };
}
