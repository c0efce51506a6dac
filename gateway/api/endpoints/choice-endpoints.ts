// The endpoints /v1/completions and /v1/chat/completions, in the form that the completion handler takes.
import type { z } from 'zod';
import { type Plan, respond } from '../answers/respond.ts';
import type { RequestContext } from '../context.ts';
import { relayedChoices } from '../peers/relayed.ts';
import { parseFields } from '../requests/body.ts';
import { fieldsWithoutEffect } from '../requests/fields/no-effect.ts';
import { chatSchema, completionSchema } from '../requests/fields/schema.ts';
import type { CommonRequest } from '../requests/fields/schema-fields.ts';
import { idleStreamOptions, refuseStreamOptions } from '../requests/fields/stream-options.ts';
import { planChat } from './chat.ts';
import type { Endpoint } from './completion-handler.ts';
import { planCompletion } from './completions.ts';

export const completionEndpoint = choiceEndpoint(completionSchema, planCompletion);
export const chatEndpoint = choiceEndpoint(chatSchema, planChat);

function choiceEndpoint<Request extends CommonRequest>(
  schema: z.ZodType<Request>,
  plan: (request: Request, context: RequestContext) => Promise<Plan>,
): Endpoint {
  return {
    ...relayedChoices,
    read: (fields) => {
      const request = parseFields(schema, fields);
      refuseStreamOptions(request);
      return {
        model: request.model,
        requester: request,
        noEffect: [...fieldsWithoutEffect(schema, fields), ...idleStreamOptions(request)],
        plan: async (context) => {
          const planned = await plan(request, context);
          return { plan: planned, respond: (c, record) => respond(c, context, record, planned) };
        },
      };
    },
  };
}
