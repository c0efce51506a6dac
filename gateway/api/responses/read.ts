// Parses the fields of a Responses request, and finds the fields that have no effect.
import type { z } from 'zod';
import { fieldsWithoutEffect } from '../requests/fields/no-effect.ts';
import { isObject } from '../requests/fields/schema-walk.ts';
import { parseShallowFields } from '../requests/translated-chat.ts';
import { unsupportedResponsesFields } from './schema.ts';

/** Throws a 400 that names the fields at fault. */
export function readResponse<Schema extends z.ZodType>(
  schema: Schema,
  fields: Record<string, unknown>,
): { request: z.infer<Schema>; noEffect: string[] } {
  const given = withReferences(fields);
  const request = parseShallowFields(schema, given, unsupportedResponsesFields);
  return { request, noEffect: fieldsWithoutEffect(schema, given) };
}

/** Adds the type `item_reference` to items that have only an id, because OpenAI's API accepts references without the type. */
function withReferences(fields: Record<string, unknown>): Record<string, unknown> {
  const { input } = fields;
  if (!Array.isArray(input)) return fields;
  return {
    ...fields,
    input: input.map((item) => (isReference(item) ? { ...item, type: 'item_reference' } : item)),
  };
}

function isReference(item: unknown): item is { id: unknown } {
  if (!isObject(item)) return false;
  const { id, ...others } = item;
  return typeof id === 'string' && Object.values(others).every((value) => value === null);
}
