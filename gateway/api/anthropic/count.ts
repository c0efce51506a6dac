// POST /v1/messages/count_tokens: how long the prompt of a message is. Asks the engine nothing.
import type { Handler } from 'hono';
import { countChat } from '../chat.ts';
import type { Limits } from '../context.ts';
import { chooseModel, type Served } from '../models.ts';
import { fieldsWithoutEffect, noEffectHeaders } from '../no-effect.ts';
import { readFields } from '../read-fields.ts';
import { underOuterNames } from '../renamed-fields.ts';
import type { RequestRecord } from '../request-record.ts';
import { parseShallowFields } from '../shallow-fields.ts';
import { type ChatFields, parseTranslated } from '../translated-chat.ts';
import { chatOfPrompt, thinkingPlan } from './chat.ts';
import { editedPrompt } from './edited-prompt.ts';
import { refuseThread } from './errors.ts';
import { countSchema, unsupportedCountFields } from './schema.ts';

/** A prompt may be longer than the model's context: whoever asks wants to know by how much. */
export function countHandler({
  served,
  limits,
}: {
  served: Served;
  limits: Limits;
}): Handler<{ Variables: { record: RequestRecord } }> {
  return async (c) => {
    const fields = await readFields(c.req.raw, { served, limits });
    refuseThread(fields);
    const request = parseShallowFields(countSchema, fields, unsupportedCountFields);
    const record = c.get('record');
    const context = chooseModel(request.model, {}, { served, requestId: record.id });
    record.model = context.model.id;
    const { chat, names } = chatOfPrompt(request);
    return await underOuterNames(names, () => {
      const thinking = thinkingPlan(request, chat, context);
      const edited = editedPrompt(request, { chat, thinking: thinking.fields, context });
      const count = (translated: ChatFields) => {
        return countChat(parseTranslated({ ...translated, ...thinking.fields }), context);
      };
      const names = [...fieldsWithoutEffect(countSchema, fields), ...thinking.noEffect, ...edited.noEffect];
      return c.json(
        {
          input_tokens: count(edited.chat),
          ...(request.context_management && {
            context_management: { original_input_tokens: count(chat) },
          }),
        },
        200,
        noEffectHeaders(names),
      );
    });
  };
}
