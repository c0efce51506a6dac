// POST /v1/responses: OpenAI's Responses API without storage. Every request contains the whole conversation.

import { chatLogprobs } from '../answers/logprobs.ts';
import { callIdsOf, messageEvents } from '../answers/messages/message-parser.ts';
import { startGenerations, streamAnswer, wholeAnswer } from '../answers/respond.ts';
import { type EventFormat, namedEvent } from '../answers/sse.ts';
import { tellFinishes } from '../answers/streams.ts';
import { planChat } from '../endpoints/chat.ts';
import type { Endpoint } from '../endpoints/completion-handler.ts';
import { parseTranslated } from '../requests/translated-chat.ts';
import { chatOfResponse } from './chat.ts';
import { type ResponseEvent, ResponseWriter, releasedByEvent } from './output/writer.ts';
import { readResponse } from './read.ts';
import { responsesSchema } from './schema.ts';
import { planTruncated } from './truncation.ts';

export const responsesEndpoint: Endpoint = {
  // All other fields without effect are passed on to another gateway, because its answer repeats them.
  idleFields: ['store', 'client_metadata'],
  broken: ({ code = null, message, param = null }, { events }) => {
    return namedEvent({ type: 'error', code, message, param, sequence_number: events });
  },
  read: (fields) => {
    const { request, noEffect } = readResponse(responsesSchema, fields);
    const { chat, names, offered } = chatOfResponse(request);
    return {
      model: request.model,
      requester: request,
      noEffect,
      names,
      plan: async (context) => {
        const auto = request.truncation === 'auto';
        const planned = await (auto
          ? planTruncated(chat, context)
          : planChat(parseTranslated(chat), context));
        const plan = { ...planned, repeatsLogprobs: true };
        return {
          plan,
          respond: async (c, record) => {
            const started = await startGenerations(c, context, record, plan, { idPrefix: 'resp_' });
            const { id, created, model, seed, schemaNotes } = started.frame;
            const writer = new ResponseWriter(
              {
                ...{ id, created, model, seed, request, sampling: context.sampling },
                schemaNotes: [...offered.notEnforced, ...schemaNotes],
              },
              {
                ...(plan.logprobs !== undefined && {
                  logprobsOf: (tokens) => chatLogprobs(tokens, context.tokenizer),
                }),
                tools: offered.byName,
              },
            );
            const message = messageEvents(started.events, { ...plan.rules, callId: callIdsOf(id) });
            const events = writer.events(tellFinishes(message, (reason) => record.finished(reason)));
            if (request.stream !== true) {
              for await (const _ of events);
              return await wholeAnswer(c, context, record, writer.response);
            }
            const { cancel } = started;
            const format = formatOf(writer);
            return streamAnswer(c, context, record, events, { cancel, format, releasedBy: releasedByEvent });
          },
        };
      },
    };
  },
};

/** No `[DONE]` follows the last event, because that event itself says that the response has ended. */
function formatOf(writer: ResponseWriter): EventFormat<ResponseEvent> {
  return {
    event: (event, json) => namedEvent(event, json),
    isLast: ({ type }) => /^response\.(?:completed|incomplete|failed)$/.test(type),
    ending: '',
    keepAlive: ': keep-alive\n\n',
    failure: (error) => {
      const events = writer.failure(error);
      return events.map((event) => namedEvent(event)).join('');
    },
  };
}
