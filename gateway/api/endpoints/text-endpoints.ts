// Handles the endpoints that take a request body and do not use the engine: reads the body and its fields, chooses the model, and
// answers.
import type { Context } from 'hono';
import type { z } from 'zod';
import { wholeAnswer } from '../answers/respond.ts';
import { type RequestContext, requestContext } from '../context.ts';
import { parseFields } from '../requests/body.ts';
import { fieldsWithoutEffect, noEffectHeaders } from '../requests/fields/no-effect.ts';
import { withFields } from '../requests/read-fields.ts';
import { type FieldNames, underOuterNames } from '../requests/renamed-fields.ts';
import type { Shared } from '../shared.ts';
import type { RecordEnv } from '../telemetry/request-record.ts';
import { chooseModel } from './models.ts';

/** A request whose fields have been checked. */
export interface TextAsked {
  /** Absent or null: the first model answers. */
  model: string | null | undefined;
  /** The client's names of fields, for errors about a translated request. Absent: the names are the same. */
  names?: FieldNames;
  answer(context: RequestContext): Promise<{ body: object; noEffect: readonly string[] }>;
}

/** `read` may throw a 400 that names the invalid fields. */
export function textHandler(
  read: (fields: Record<string, unknown>) => TextAsked,
  shared: Shared,
): (c: Context<RecordEnv>) => Promise<Response> {
  const { served, slices } = shared;
  return async (c) => {
    const { tenant } = c.get('record');
    return await withFields(c.req.raw, { ...shared, tenant }, (fields) => answerTo(c, fields));
  };

  async function answerTo(c: Context<RecordEnv>, fields: Record<string, unknown>): Promise<Response> {
    const record = c.get('record');
    const { tenant } = record;
    const { model, names = [], answer } = await slices.turn(tenant, () => read(fields));
    const [first = ''] = served.contexts.keys();
    const chosen = chooseModel(model ?? first, {}, { served, requestId: record.id });
    const context = requestContext(chosen, record);
    record.model = context.model.id;
    const { body, noEffect } = await underOuterNames(names, () => slices.turn(tenant, () => answer(context)));
    const response = await wholeAnswer(c, context, record, body);
    for (const [name, value] of Object.entries(noEffectHeaders(noEffect))) response.headers.set(name, value);
    return response;
  }
}

/** Makes the function `read` for an endpoint whose requests need no translation. */
export function plainly<Schema extends z.ZodType<{ model?: string | null | undefined }>>(
  schema: Schema,
  answer: (request: z.infer<Schema>, context: RequestContext) => Promise<object>,
): (fields: Record<string, unknown>) => TextAsked {
  return (fields) => {
    const request = parseFields(schema, fields, { unsupported: {} });
    const noEffect = fieldsWithoutEffect(schema, fields);
    return {
      model: request.model,
      answer: async (context) => ({ body: await answer(request, context), noEffect }),
    };
  };
}
