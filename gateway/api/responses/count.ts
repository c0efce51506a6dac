// POST /v1/responses/input_tokens: how long the prompt of a response is. Asks the engine nothing.
import { countChat } from '../endpoints/chat.ts';
import type { TextAsked } from '../endpoints/text-endpoints.ts';
import { parseTranslated } from '../requests/translated-chat.ts';
import { chatOfResponse } from './chat.ts';
import { readResponse } from './read.ts';
import { inputTokensSchema } from './schema.ts';

/** A prompt may be longer than the model's context: whoever asks wants to know by how much. */
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
