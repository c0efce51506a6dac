// References into a document: `#/$defs/address`. Pure.

/** Undefined where the reference leads nowhere, or cannot be read. */
export function resolve(reference: string, root: unknown): unknown {
  let found = root;
  for (const step of reference.split('/').slice(1)) {
    const name = nameOf(step);
    if (name === undefined || (!isObject(found) && !Array.isArray(found)) || !Object.hasOwn(found, name))
      return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

/** As JSON Pointer (RFC 6901) and URIs escape it. */
function nameOf(step: string): string | undefined {
  const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined; // a % without its digits
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
