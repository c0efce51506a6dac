// POST /v1/messages/count_tokens: the number of tokens in the prompt of a message.
import { countChat } from '../endpoints/chat.ts';
import type { TextAsked } from '../endpoints/text-endpoints.ts';
import { fieldsWithoutEffect } from '../requests/fields/no-effect.ts';
import { parseShallowFields } from '../requests/shallow-fields.ts';
import { type ChatFields, parseTranslated } from '../requests/translated-chat.ts';
import { chatOfPrompt, thinkingPlan } from './chat.ts';
import { editedPrompt } from './edited-prompt.ts';
import { refuseThread } from './errors.ts';
import { countSchema, unsupportedCountFields } from './schema.ts';

/** The prompt may exceed the model's context, because clients want to know by how much. */
export function readCount(fields: Record<string, unknown>): TextAsked {
  refuseThread(fields);
  const request = parseShallowFields(countSchema, fields, unsupportedCountFields);
  const { chat, names } = chatOfPrompt(request);
  return {
    model: request.model,
    names,
    answer: async (context) => {
      const thinking = thinkingPlan(request, chat, context);
      const edited = await editedPrompt(request, { chat, thinking: thinking.fields, context });
      const count = (translated: ChatFields) => {
        return countChat(parseTranslated({ ...translated, ...thinking.fields }), context);
      };
      const noEffect = [
        ...fieldsWithoutEffect(countSchema, fields),
        ...thinking.noEffect,
        ...edited.noEffect,
      ];
      const body = {
        input_tokens: await count(edited.chat),
        ...(request.context_management && {
          context_management: { original_input_tokens: await count(chat) },
        }),
      };
      return { body, noEffect };
    },
  };
}
