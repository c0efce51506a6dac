// POST /v1/responses/input_tokens: counts the tokens of the prompt that the same request to /v1/responses would have.
import { countChat } from '../endpoints/chat.ts';
import type { TextAsked } from '../endpoints/text-endpoints.ts';
import { parseTranslated } from '../requests/translated-chat.ts';
import { chatOfResponse } from './chat.ts';
import { readResponse } from './read.ts';
import { inputTokensSchema } from './schema.ts';

/** The prompt may exceed the model's context, so that clients can see by how much. */
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
