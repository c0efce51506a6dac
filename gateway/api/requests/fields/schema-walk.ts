// Finds the parts of a zod schema, the values that they describe, and the null fields of a value.
import { z } from 'zod';

export type Schema = z.core.$ZodType;

/** A part of a schema. */
export interface Part {
  schema: Schema;
  /** Name of the field that the part describes. Absent: the part describes the value itself or, with `each`, every item. */
  key?: string;
  each?: true;
}

/** The schemas directly within `schema`. */
export function parts(schema: Schema): Part[] {
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

/** The values within `value` that the part describes. */
export function valuesOf({ key, each }: Part, value: unknown): unknown[] {
  if (each !== undefined) return typeof value === 'object' && value !== null ? Object.values(value) : [];
  if (key === undefined) return [value];
  return isObject(value) && Object.hasOwn(value, key) ? [value[key]] : [];
}

/**
 * The branch of a union that describes the value. It is found by the type and the literal fields of the value, or else by parsing.
 * Undefined if no branch describes the value, or if `schema` is not a union.
 */
export function branchOf(schema: Schema, value: unknown): Schema | undefined {
  const { def } = schema._zod as z.core.$ZodTypes['_zod'];
  if (def.type !== 'union') return undefined;
  if ('discriminator' in def && isObject(value)) {
    const { discriminator, options } = def as z.core.$ZodDiscriminatedUnionDef;
    return byDiscriminator(options, discriminator).get(value[discriminator] ?? undefined);
  }
  const like = def.options.filter((option) => resembles(option, value));
  if (like.length < 2) return like[0];
  return like.find((option) => z.safeParse(option, withoutNulls(option, value)).success) ?? like[0];
}

const indices = new WeakMap<readonly Schema[], Map<unknown, Schema>>();

/** Branches by the value of their discriminator. The index is kept, because a request may look up a branch ten thousand times. */
function byDiscriminator(options: readonly Schema[], discriminator: string): Map<unknown, Schema> {
  const known = indices.get(options);
  if (known !== undefined) return known;
  const index = new Map<unknown, Schema>();
  for (const option of options) {
    for (const value of option._zod.propValues?.[discriminator] ?? []) index.set(value, option);
  }
  indices.set(options, index);
  return index;
}

/**
 * The value without its null fields, at every depth that `schema` describes. Null means absent. Data that the schema does not
 * describe stays as it is, such as JSON Schemas, metadata and variables of a template.
 */
export function withoutNulls(schema: Schema, value: unknown): unknown {
  const { def } = schema._zod as z.core.$ZodTypes['_zod'];
  switch (def.type) {
    case 'object':
      return isObject(value) ? fieldsWithoutNulls(def, value) : value;
    case 'array':
      return Array.isArray(value) ? value.map((item) => withoutNulls(def.element, item)) : value;
    case 'union': {
      const branch = branchOf(schema, value);
      return branch === undefined ? value : withoutNulls(branch, value);
    }
    case 'pipe':
      return def.in._zod.def.type === 'transform' ? value : withoutNulls(def.in, value);
    case 'optional':
    case 'nullable':
    case 'default':
      return withoutNulls(def.innerType, value);
    default:
      return value;
  }
}

function fieldsWithoutNulls(
  { shape, catchall }: z.core.$ZodObjectDef,
  value: Record<string, unknown>,
): Record<string, unknown> {
  const open = catchall !== undefined && catchall._zod.def.type !== 'never';
  const given = Object.entries(value).flatMap(([key, field]) => {
    const known = Object.hasOwn(shape, key) ? shape[key] : undefined;
    const own = known === undefined ? open : known._zod.def.type === 'unknown';
    if (field === null && !own) return [];
    return [[key, known === undefined ? field : withoutNulls(known, field)]];
  });
  return Object.fromEntries(given);
}

/** Whether the value may fit the schema. Objects are compared only by their literal fields, arrays only by their type. */
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

/** Whether the value equals the field's literal. Fields of other types always match. */
function isNamed(field: Schema, value: unknown): boolean {
  return field._zod.def.type !== 'literal' || resembles(field, value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
