// POST /v1/messages, in the shape of Anthropic's API.

import { callIdsOf, messageEvents } from '../answers/messages/message-parser.ts';
import { startGenerations, streamAnswer, wholeAnswer } from '../answers/respond.ts';
import { type EventFormat, namedEvent } from '../answers/sse.ts';
import { tellFinishes } from '../answers/streams.ts';
import { type ChatPlan, planChat } from '../endpoints/chat.ts';
import type { Endpoint } from '../endpoints/completion-handler.ts';
import { fieldsWithoutEffect } from '../requests/fields/no-effect.ts';
import { parseShallowFields, parseTranslated } from '../requests/translated-chat.ts';
import { chatOfMessage } from './chat.ts';
import { anthropicError, refuseThread } from './errors.ts';
import { completeChat } from './prompt.ts';
import { idleFields, type MessagesRequest, messagesSchema, unsupportedMessagesFields } from './schema.ts';
import { MessageWriter, releasedByEvent, type WireEvent } from './writer.ts';

export const messagesEndpoint: Endpoint = {
  idleFields: ['metadata', ...Object.keys(idleFields)],
  broken: (error, { requestId }) => namedEvent(anthropicError(error, requestId)),
  read: (fields) => {
    refuseThread(fields);
    const request = parseShallowFields(messagesSchema, fields, unsupportedMessagesFields);
    const { chat, names } = chatOfMessage(request);
    return {
      model: request.model,
      requester: { user: request.metadata?.user_id },
      noEffect: fieldsWithoutEffect(messagesSchema, fields),
      names,
      plan: async (context) => {
        const complete = await completeChat(request, chat, context);
        const whole = await planChat(parseTranslated(complete.chat), context);
        const noEffect = [...(whole.noEffect ?? []), ...complete.noEffect];
        const plan = { ...limited(whole, request), noEffect };
        return {
          plan,
          respond: async (c, record) => {
            const started = await startGenerations(c, context, record, plan, { idPrefix: 'msg_' });
            const { id, model, seed, schemaNotes } = started.frame;
            const room = whole.prompts[0]?.maxTokens ?? 0;
            const frame = { id, model, seed, schemaNotes, promptTokens: record.promptTokens, room };
            const writer = new MessageWriter({ ...frame, asked: request, edits: complete.applied });
            const message = messageEvents(started.events, { ...plan.rules, callId: callIdsOf(id) });
            const events = writer.events(tellFinishes(message, (reason) => record.finished(reason)));
            if (request.stream !== true) {
              for await (const _ of events);
              return await wholeAnswer(c, context, record, writer.message);
            }
            const { cancel } = started;
            const format = eventFormat(record.id);
            return streamAnswer(c, context, record, events, { cancel, format, releasedBy: releasedByEvent });
          },
        };
      },
    };
  },
};

/** Limits the answers to `max_tokens`. `plan` already limits them to the room that the context has after the prompt. */
function limited(plan: ChatPlan, { max_tokens }: MessagesRequest): ChatPlan {
  const prompts = plan.prompts.map((prompt) => {
    return { ...prompt, maxTokens: Math.min(prompt.maxTokens, max_tokens) };
  });
  return { ...plan, prompts };
}

function eventFormat(requestId: string): EventFormat<WireEvent> {
  return {
    event: namedEvent,
    isLast: ({ type }) => type === 'message_stop',
    ending: '',
    keepAlive: namedEvent({ type: 'ping' }),
    failure: (error) => namedEvent(anthropicError(error, requestId)),
  };
}
