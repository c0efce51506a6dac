// Shapes, which are functions that check a JSON value and return it typed. If a field is wrong, the error has the field's path.
// Shards read their manifest with shapes instead of zod, because zod takes 9 MB of memory.

/** `path` names the value in errors, such as `experts.0.3.hash`. It is empty for the whole document. */
export type Shape<T> = (value: unknown, path: string) => T;

/** The type that a shape returns. */
type Shaped<S> = S extends Shape<infer T> ? T : never;

export class ShapeError extends Error {
  constructor(path: string, reason: string) {
    super(path === '' ? reason : `field ${path}: ${reason}`);
    this.name = 'ShapeError';
  }
}

/** A string, which must match `pattern` if that is given. `what` describes such strings in errors. */
export function text(pattern?: RegExp, what = `text like ${pattern}`): Shape<string> {
  return (value, path) => {
    if (typeof value !== 'string') throw new ShapeError(path, `is ${kindOf(value)}, not text`);
    if (pattern?.test(value) === false) throw new ShapeError(path, `is not ${what}`);
    return value;
  };
}

/** A safe integer of at least `least`. */
export function whole(least: number): Shape<number> {
  return (value, path) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    throw new ShapeError(path, `is not a whole number of at least ${least}`);
  };
}

/** One of these numbers. */
export function oneOf<const T extends number>(...values: readonly T[]): Shape<T> {
  return (value, path) => {
    const found = values.find((each) => each === value);
    if (found === undefined) throw new ShapeError(path, `is not ${values.join(' or ')}`);
    return found;
  };
}

export function list<T>(item: Shape<T>): Shape<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, `is ${kindOf(value)}, not a list`);
    return value.map((each, index) => item(each, join(path, String(index))));
  };
}

/** An object with any keys. Its keys have one shape, and its values another. */
export function record<T>(key: Shape<string>, item: Shape<T>): Shape<Record<string, T>> {
  return (value, path) =>
    Object.fromEntries(
      Object.entries(object(value, path)).map(([name, each]) => [
        key(name, join(path, name)),
        item(each, join(path, name)),
      ]),
    );
}

/** An object with these keys. Other keys are dropped. */
export function fields<S extends Record<string, Shape<unknown>>>(
  shapes: S,
): Shape<{ [K in keyof S]: Shaped<S[K]> }> {
  return (value, path) => {
    const given = new Map<string, unknown>(Object.entries(object(value, path)));
    const read: Partial<{ [K in keyof S]: Shaped<S[K]> }> = {};
    for (const name in shapes) {
      const found = shapes[name]!(given.get(name), join(path, name)) as Shaped<S[typeof name]>;
      if (found !== undefined) read[name] = found;
    }
    return read as { [K in keyof S]: Shaped<S[K]> };
  };
}

/** The value of a key that may be absent. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, path) => (value === undefined ? undefined : shape(value, path));
}

function object(value: unknown, path: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new ShapeError(path, `is ${kindOf(value)}, not an object`);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
