// POST /v1/responses/input_tokens: how long the prompt of a response is. Asks the engine nothing.
import type { Handler } from 'hono';
import { countChat } from '../chat.ts';
import type { Limits } from '../context.ts';
import { chooseModel, type Served } from '../models.ts';
import { noEffectHeaders } from '../no-effect.ts';
import { readFields } from '../read-fields.ts';
import { underOuterNames } from '../renamed-fields.ts';
import type { RequestRecord } from '../request-record.ts';
import { parseTranslated } from '../translated-chat.ts';
import { chatOfResponse } from './chat.ts';
import { readResponse } from './read.ts';
import { inputTokensSchema } from './schema.ts';

/** A prompt may be longer than the model's context: whoever asks wants to know by how much. */
export function inputTokensHandler({
  served,
  limits,
}: {
  served: Served;
  limits: Limits;
}): Handler<{ Variables: { record: RequestRecord } }> {
  return async (c) => {
    const fields = await readFields(c.req.raw, { served, limits });
    const { request, noEffect } = readResponse(inputTokensSchema, fields);
    const record = c.get('record');
    const context = chooseModel(request.model, {}, { served, requestId: record.id });
    record.model = context.model.id;
    const { chat, names } = chatOfResponse(request);
    return await underOuterNames(names, () => {
      const input_tokens = countChat(parseTranslated(chat), context);
      return c.json({ object: 'response.input_tokens', input_tokens }, 200, noEffectHeaders(noEffect));
    });
  };
}
