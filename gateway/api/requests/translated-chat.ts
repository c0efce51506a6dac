// Requests of other APIs that are translated to chat requests. Checks their fields both before and after the translation.
import type { z } from 'zod';
import { parseFields, refuseManyValues } from './body.ts';
import { refuseDeep } from './depth.ts';
import { type ChatRequest, chatSchema, parameterName } from './fields/schema.ts';
import type { FieldNames } from './renamed-fields.ts';

export type ChatFields = z.input<typeof chatSchema>;

export interface TranslatedChat {
  chat: ChatFields;
  /** For errors: for each field of the chat, its path in the client's request. */
  names: FieldNames;
}

/**
 * Parses the client's fields by `schema`. Also limits their depth, because the translation passes parts of them to JSON.stringify,
 * which recurses. `unsupported` lists fields that are refused unless they have one of the listed values (JSON texts). Throws a 400
 * that names the fields at fault.
 */
export function parseShallowFields<Schema extends z.ZodType>(
  schema: Schema,
  fields: Record<string, unknown>,
  unsupported: Record<string, readonly string[]>,
): z.infer<Schema> {
  refuseManyValues(fields);
  for (const [name, field] of Object.entries(fields)) refuseDeep(field, parameterName([name]));
  return parseFields(schema, fields, { unsupported });
}

/** Fields that are undefined or null count as absent. Throws a 400 with the names that the chat's fields have. */
export function parseTranslated(chat: ChatFields): ChatRequest {
  const given = Object.entries(chat).filter(([, field]) => field !== undefined && field !== null);
  return parseFields(chatSchema, Object.fromEntries(given));
}
