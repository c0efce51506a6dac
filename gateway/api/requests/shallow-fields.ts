// Checks the fields of a request that is translated to a chat by a schema, and also their depth. Parts of them are written as
// JSON again, and that recurses.
import type { z } from 'zod';
import { parseFields, refuseManyValues } from './body.ts';
import { refuseDeep } from './depth.ts';
import { parameterName } from './fields/schema.ts';

/** `unsupported` are known fields, each with the values that ask for nothing (JSON text). Throws a 400 that names the field. */
export function parseShallowFields<Schema extends z.ZodType>(
  schema: Schema,
  fields: Record<string, unknown>,
  unsupported: Record<string, readonly string[]>,
): z.infer<Schema> {
  refuseManyValues(fields);
  for (const [name, field] of Object.entries(fields)) refuseDeep(field, parameterName([name]));
  return parseFields(schema, fields, { unsupported });
}
