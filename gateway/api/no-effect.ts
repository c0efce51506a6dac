// Request fields that are accepted and change nothing: their mark in a zod schema, and the response header that names them.
// Knows no endpoint.
//
// How to mark one. A field whose documented meaning is honoured by doing nothing is wrapped where its schema stands:
//   store: noEffect(z.boolean().nullish()),                                 // the header says `store`
//   truncation: z.union([noEffect(z.literal('auto')), z.literal('disabled')]).nullish(),  // only 'auto' is named
//   tools: z.array(z.discriminatedUnion('type', [functionTool, noEffect(webSearch, 'tools.web_search')])),
// The second argument is the name that the header gives in place of the field's path. A field that changes nothing only for
// some models cannot be marked in a schema: its plan lists it in `AnswerPlan.noEffect`. An endpoint calls `fieldsWithoutEffect`
// with its schema and the body's fields, and gives the names as `Asked.noEffect`; the completion handler writes the header.
// Every name has its row under "Fields without effect" in docs/api.md: test/gateway/api/no-effect.test.ts holds both alike.
import { z } from 'zod';

type Schema = z.core.$ZodType;

export const NO_EFFECT = 'x-expertgrid-no-effect';

/** Of the header's value, in bytes; names beyond it are left out. */
const LONGEST_HEADER = 1024;

const marks = z.registry<{ name: string | undefined }>();

/** The same schema, marked; `name` stands for the path of the field. Marks survive `.describe()` and wrappers such as `.nullish()`. */
export function noEffect<Marked extends z.ZodType>(schema: Marked, name?: string): Marked {
  const marked = schema.clone();
  marks.add(marked, { name });
  return marked;
}

/** All names that a schema's fields may be given. */
export function namesWithoutEffect(schema: Schema, path = ''): Set<string> {
  const mark = marks.get(schema);
  if (mark !== undefined) return new Set([mark.name ?? path]);
  const inside = parts(schema).flatMap((part) => [
    ...namesWithoutEffect(part.schema, joined(path, part.key)),
  ]);
  return new Set(inside);
}

/** Names of the marked fields that a request gives. `value` is what was parsed, as the caller sent it; null is absent. */
export function fieldsWithoutEffect(schema: Schema, value: unknown): string[] {
  const found = new Set<string>();
  collect(schema, value, '', found);
  return [...found];
}

/** The header for these names; none without a name. */
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
  if (value === undefined || value === null || !holdsMark(schema)) return;
  const mark = marks.get(schema);
  if (mark !== undefined) {
    found.add(mark.name ?? path);
    return;
  }
  const { def } = schema._zod as z.core.$ZodTypes['_zod'];
  if (def.type === 'union') {
    const branch = branchOf(def.options, value);
    if (branch !== undefined) collect(branch, value, path, found);
    return;
  }
  for (const part of parts(schema)) {
    for (const inner of valuesOf(part, value)) collect(part.schema, inner, joined(path, part.key), found);
  }
}

/** What a schema is made of. */
interface Part {
  schema: Schema;
  /** Name of the field; absent where the part is the value itself, or each of its items. */
  key?: string;
  each?: true;
}

function parts(schema: Schema): Part[] {
  const { def } = schema._zod as z.core.$ZodTypes['_zod'];
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).map(([key, field]) => ({ key, schema: field }));
    case 'array':
      return [{ schema: def.element, each: true }];
    case 'record':
      return [{ schema: def.valueType, each: true }];
    case 'union':
      return def.options.map((option) => ({ schema: option }));
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return [{ schema: def.innerType }];
    case 'pipe':
      return [{ schema: def.in }, { schema: def.out }];
    default:
      return [];
  }
}

function valuesOf({ key, each }: Part, value: unknown): unknown[] {
  if (each !== undefined) return typeof value === 'object' && value !== null ? Object.values(value) : [];
  if (key === undefined) return [value];
  return isObject(value) && Object.hasOwn(value, key) ? [value[key]] : [];
}

/** Of a union's branches the one that the value was parsed by: told by its type and the fields that are literals, or else parsed again. */
function branchOf(options: readonly Schema[], value: unknown): Schema | undefined {
  const like = options.filter((option) => resembles(option, value));
  return like.length > 1 ? like.find((option) => z.safeParse(option, value).success) : like[0];
}

function resembles(schema: Schema, value: unknown): boolean {
  const { def } = schema._zod as z.core.$ZodTypes['_zod'];
  switch (def.type) {
    case 'object':
      return isObject(value) && Object.entries(def.shape).every(([key, field]) => isNamed(field, value[key]));
    case 'array':
      return Array.isArray(value);
    case 'record':
      return isObject(value);
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === def.type;
    case 'literal':
    case 'enum':
      return schema._zod.values?.has(value as z.core.util.Primitive) === true;
    case 'union':
      return def.options.some((option) => resembles(option, value));
    default:
      return z.safeParse(schema, value).success;
  }
}

/** Only literals tell objects apart before they are parsed. */
function isNamed(field: Schema, value: unknown): boolean {
  return field._zod.def.type !== 'literal' || resembles(field, value);
}

const holders = new WeakMap<Schema, boolean>();

/** Whether a mark lies anywhere in the schema: most of a request need not be walked. */
function holdsMark(schema: Schema): boolean {
  const known = holders.get(schema);
  if (known !== undefined) return known;
  const holds = marks.get(schema) !== undefined || parts(schema).some((part) => holdsMark(part.schema));
  holders.set(schema, holds);
  return holds;
}

function joined(path: string, key: string | undefined): string {
  if (key === undefined) return path;
  return path === '' ? key : `${path}.${key}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
