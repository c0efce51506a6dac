// A request of another API, translated to the chat request that asks for the same. It is checked like a client's chat request.
import type { z } from 'zod';
import { parseFields } from './body.ts';
import { type ChatRequest, chatSchema } from './fields/schema.ts';
import type { FieldNames } from './renamed-fields.ts';

export type ChatFields = z.input<typeof chatSchema>;

export interface TranslatedChat {
  chat: ChatFields;
  /** Where the client's request has what became each field. */
  names: FieldNames;
}

/** Fields that are undefined or null count as absent. Throws a 400 under the chat request's own names. */
export function parseTranslated(chat: ChatFields): ChatRequest {
  const given = Object.entries(chat).filter(([, field]) => field !== undefined && field !== null);
  return parseFields(chatSchema, Object.fromEntries(given));
}
