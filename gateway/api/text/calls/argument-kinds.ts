// Finds which arguments of a tool are strings, for syntaxes that write strings without quotes.
import type { ArgumentKind } from '../../../constraints/specification.ts';

/** The kind of each property that the schema of a tool's arguments declares. */
export function argumentKinds(parameters: Record<string, unknown>): Record<string, ArgumentKind> {
  const { properties } = parameters;
  if (!isObject(properties)) return {};
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, kindOf(schema)]));
}

/** `either` if the schema does not say it by its type or its values alone, for example because it refers to another schema. */
function kindOf(schema: unknown): ArgumentKind {
  if (!isObject(schema)) return 'either';
  const types = typesOf(schema);
  if (types === undefined) return 'either';
  if (!types.includes('string')) return 'json';
  return types.every((type) => type === 'string') ? 'text' : 'either';
}

function typesOf(schema: Record<string, unknown>): string[] | undefined {
  if (typeof schema.type === 'string') return [schema.type];
  if (Array.isArray(schema.type)) return schema.type.map(String);
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => typeof value);
  return 'const' in schema ? [typeof schema.const] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
