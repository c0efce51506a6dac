// POST /v1/responses/input_tokens: the number of tokens in the prompt of a response.
import { countChat } from '../endpoints/chat.ts';
import type { TextAsked } from '../endpoints/text-endpoints.ts';
import { parseTranslated } from '../requests/translated-chat.ts';
import { chatOfResponse } from './chat.ts';
import { readResponse } from './read.ts';
import { inputTokensSchema } from './schema.ts';

/** The prompt may exceed the model's context, because clients want to know by how much. */
export function readInputTokens(fields: Record<string, unknown>): TextAsked {
  const { request, noEffect } = readResponse(inputTokensSchema, fields);
  const { chat, names } = chatOfResponse(request);
  return {
    model: request.model,
    names,
    answer: async (context) => {
      const input_tokens = await countChat(parseTranslated(chat), context);
      return { body: { object: 'response.input_tokens', input_tokens }, noEffect };
    },
  };
}
