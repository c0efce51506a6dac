// POST /v1/messages/count_tokens: counts the tokens of the prompt that the same request to /v1/messages would have.
import { countChat } from '../endpoints/chat.ts';
import type { TextAsked } from '../endpoints/text-endpoints.ts';
import { fieldsWithoutEffect } from '../requests/fields/no-effect.ts';
import { type ChatFields, parseShallowFields, parseTranslated } from '../requests/translated-chat.ts';
import { chatOfPrompt } from './chat.ts';
import { refuseThread } from './errors.ts';
import { completeChat } from './prompt.ts';
import { countSchema, unsupportedCountFields } from './schema.ts';

/** The prompt may exceed the model's context, so that clients can see by how much. */
export function readCount(fields: Record<string, unknown>): TextAsked {
  refuseThread(fields);
  const request = parseShallowFields(countSchema, fields, unsupportedCountFields);
  const { chat, names } = chatOfPrompt(request);
  return {
    model: request.model,
    names,
    answer: async (context) => {
      const complete = await completeChat(request, chat, context);
      const count = (messages: ChatFields['messages']) => {
        return countChat(parseTranslated({ ...complete.chat, messages }), context);
      };
      const noEffect = [...fieldsWithoutEffect(countSchema, fields), ...complete.noEffect];
      const body = {
        input_tokens: await count(complete.chat.messages),
        ...(request.context_management && {
          context_management: { original_input_tokens: await count(chat.messages) },
        }),
      };
      return { body, noEffect };
    },
  };
}
