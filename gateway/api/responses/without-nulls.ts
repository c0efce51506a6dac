// A request without its nulls: null means absent, at every depth. Pure.

/** Fields whose value is the caller's own JSON: a null in it is a value. */
const callersOwn = new Set([
  'parameters',
  'schema',
  'output_schema',
  'metadata',
  'client_metadata',
  'action',
]);

/** A reference by its id alone is one too. */
const REFERENCE = { type: 'item_reference' };

/** `fields` must not be deep: this walks by recursion. */
export function withoutNulls(fields: Record<string, unknown>): Record<string, unknown> {
  const { input } = fields;
  const items = Array.isArray(input) ? input.map(typed) : input;
  return pruned({ ...fields, input: items }) as Record<string, unknown>;
}

function typed(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item;
  const given = Object.entries(item).flatMap(([key, value]) => (value === null ? [] : [key]));
  return given.length === 1 && given[0] === 'id' ? { ...item, ...REFERENCE } : item;
}

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (typeof value !== 'object' || value === null) return value;
  const given = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(given.map(([key, field]) => [key, callersOwn.has(key) ? field : pruned(field)]));
}
