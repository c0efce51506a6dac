// From the fields of a Responses request to the request as its schema has it, and the names of its fields without effect. Knows no
// chat.
import type { z } from 'zod';
import { refuseManyValues } from '../body.ts';
import { refuseDeep } from '../depth.ts';
import { fieldsWithoutEffect } from '../no-effect.ts';
import { parameterName } from '../schema.ts';
import { parseShallowFields } from '../shallow-fields.ts';
import { unsupportedResponsesFields } from './schema.ts';
import { withoutNulls } from './without-nulls.ts';

/** Throws a 400 that names the fields at fault. */
export function readResponse<Schema extends z.ZodType>(
  schema: Schema,
  fields: Record<string, unknown>,
): { request: z.infer<Schema>; noEffect: string[] } {
  refuseManyValues(fields);
  for (const [name, field] of Object.entries(fields)) refuseDeep(field, parameterName([name]));
  const given = withoutNulls(fields);
  const request = parseShallowFields(schema, given, unsupportedResponsesFields);
  return { request, noEffect: fieldsWithoutEffect(schema, given) };
}
