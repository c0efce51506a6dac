// What the endpoints that ask the engine nothing have in common: body, fields, model, answer. Knows no endpoint.
import type { Context } from 'hono';
import type { z } from 'zod';
import { wholeAnswer } from '../answers/respond.ts';
import { type RequestContext, requestContext } from '../context.ts';
import { parseFields } from '../requests/body.ts';
import { fieldsWithoutEffect, noEffectHeaders } from '../requests/fields/no-effect.ts';
import { type Reading, withFields } from '../requests/read-fields.ts';
import { type FieldNames, underOuterNames } from '../requests/renamed-fields.ts';
import type { RecordEnv } from '../telemetry/request-record.ts';
import { chooseModel } from './models.ts';

/** A request once its fields are read. */
export interface TextAsked {
  /** Absent: the first model is meant. */
  model: string | null | undefined;
  /** Of a request that was translated. */
  names?: FieldNames;
  answer(context: RequestContext): Promise<{ body: object; noEffect: readonly string[] }>;
}

/** `read` throws a 400 that names the fields at fault. */
export function textHandler(
  read: (fields: Record<string, unknown>) => TextAsked,
  reading: Reading,
): (c: Context<RecordEnv>) => Promise<Response> {
  const { served, slices } = reading;
  return async (c) => {
    const { owner } = c.get('record');
    return await withFields(c.req.raw, { ...reading, owner }, (fields) => answerTo(c, fields));
  };

  async function answerTo(c: Context<RecordEnv>, fields: Record<string, unknown>): Promise<Response> {
    const record = c.get('record');
    const { owner } = record;
    const { model, names = [], answer } = await slices.turn(owner, () => read(fields));
    const [first = ''] = served.contexts.keys();
    const chosen = chooseModel(model ?? first, {}, { served, requestId: record.id });
    const context = requestContext(chosen, record);
    record.model = context.model.id;
    const { body, noEffect } = await underOuterNames(names, () => slices.turn(owner, () => answer(context)));
    const response = await wholeAnswer(c, context, record, body);
    for (const [name, value] of Object.entries(noEffectHeaders(noEffect))) response.headers.set(name, value);
    return response;
  }
}

/** Reads a request whose fields are those of its schema. */
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
