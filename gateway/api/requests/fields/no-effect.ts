// Marks request fields in zod schemas as accepted but without effect, and writes the response header that names these fields.
//
// If ignoring a field agrees with its documented meaning, wrap its schema:
//   store: noEffect(z.boolean().nullish()),                                 // the header says `store`
//   truncation: z.union([noEffect(z.literal('auto')), z.literal('disabled')]).nullish(),  // the header names only 'auto'
//   tools: z.array(z.discriminatedUnion('type', [functionTool, noEffect(webSearch, 'tools.web_search')])),
// The second argument is the name in the header, which replaces the path of the field. If a field changes nothing only for some
// models, a schema cannot mark it; list it in `AnswerPlan.noEffect` instead. An endpoint calls `fieldsWithoutEffect` and returns
// the names as `Asked.noEffect`, and the completion handler writes the header. Every name needs a row under "Fields without effect"
// in docs/api.md, which test/gateway/api/requests/no-effect.test.ts checks.
import { z } from 'zod';
import { branchOf, parts, type Schema, valuesOf, withoutNulls } from './schema-walk.ts';

export const NO_EFFECT = 'x-expertgrid-no-effect';

/** Largest length of the header's value, in bytes. Further names are left out. */
const LONGEST_HEADER = 1024;

const marks = z.registry<{ name: string | undefined }>();

/** A marked copy of the schema. `name` replaces the field's path. Marks survive `.describe()` and wrappers such as `.nullish()`. */
export function noEffect<Marked extends z.ZodType>(schema: Marked, name?: string): Marked {
  const marked = schema.clone();
  marks.add(marked, { name });
  return marked;
}

/** Every name that the header may contain for this schema. */
export function namesWithoutEffect(schema: Schema, path = ''): Set<string> {
  const mark = marks.get(schema);
  if (mark !== undefined) return new Set([mark.name ?? path]);
  const names = parts(schema).map((part) => [...namesWithoutEffect(part.schema, joined(path, part.key))]);
  return new Set(names.flat());
}

/** Names of the marked fields in a request. `value` is the request as the client sent it. */
export function fieldsWithoutEffect(schema: Schema, value: unknown): string[] {
  const found = new Set<string>();
  collect(schema, withoutNulls(schema, value), '', found);
  return [...found];
}

/** The header for these names; no header if there are none. */
export function noEffectHeaders(names: Iterable<string>): Record<string, string> {
  let value = '';
  for (const name of new Set(names)) {
    const longer = value === '' ? name : `${value}, ${name}`;
    if (longer.length > LONGEST_HEADER) break;
    value = longer;
  }
  return value === '' ? {} : { [NO_EFFECT]: value };
}

function collect(schema: Schema, value: unknown, path: string, found: Set<string>): void {
  if (value === undefined || value === null || !containsMark(schema)) return;
  const mark = marks.get(schema);
  if (mark !== undefined) {
    found.add(mark.name ?? path);
    return;
  }
  const branch = branchOf(schema, value);
  for (const part of branch === undefined ? parts(schema) : [{ schema: branch }]) {
    for (const inner of valuesOf(part, value)) collect(part.schema, inner, joined(path, part.key), found);
  }
}

const containing = new WeakMap<Schema, boolean>();

/** Whether any part of the schema is marked. If not, `collect` skips the value. */
function containsMark(schema: Schema): boolean {
  const known = containing.get(schema);
  if (known !== undefined) return known;
  const contains = marks.get(schema) !== undefined || parts(schema).some((part) => containsMark(part.schema));
  containing.set(schema, contains);
  return contains;
}

function joined(path: string, key: string | undefined): string {
  if (key === undefined) return path;
  return path === '' ? key : `${path}.${key}`;
}
