// Nodes of a schema's document, JSON Pointers (RFC 6901) to nodes, and paths in errors. Pure.

/** A schema that is an object, as its author wrote it. The other schemas are true and false. */
export type SchemaNode = Readonly<Record<string, unknown>>;

/** The target of a pointer such as `/$defs/address` in `root`. Undefined if there is none, or if the pointer is malformed. */
export function resolve(pointer: string, root: unknown): unknown {
  let found = root;
  for (const part of pointer.split('/').slice(1)) {
    const name = nameOf(part);
    if (name === undefined || (!isObject(found) && !Array.isArray(found)) || !Object.hasOwn(found, name))
      return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

/** Unescapes a step of a JSON Pointer in a URI. Undefined if the step is malformed. */
function nameOf(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return undefined; // a % without its digits
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One step of a path, as errors write it: `.name`, or `["other name"]`. */
export function step(name: string): string {
  return /^[\w$-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}
