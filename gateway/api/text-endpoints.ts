// What the endpoints that ask the engine nothing have in common: body, fields, model, answer. Knows no endpoint.
import type { Context } from 'hono';
import type { z } from 'zod';
import { parseFields } from './body.ts';
import type { ApiContext, Limits } from './context.ts';
import { chooseModel, type Served } from './models.ts';
import { fieldsWithoutEffect, noEffectHeaders } from './no-effect.ts';
import { readFields } from './read-fields.ts';
import { type FieldNames, underOuterNames } from './renamed-fields.ts';
import type { RequestRecord } from './request-record.ts';

/** A request once its fields are read. */
export interface TextAsked {
  /** Absent: the first model is meant. */
  model: string | null | undefined;
  /** Of a request that was translated. */
  names?: FieldNames;
  answer(context: ApiContext): { body: object; noEffect: readonly string[] };
}

/** `read` throws a 400 that names the fields at fault. */
export function textHandler(
  read: (fields: Record<string, unknown>) => TextAsked,
  { served, limits }: { served: Served; limits: Limits },
): (c: Context<{ Variables: { record: RequestRecord } }>) => Promise<Response> {
  return async (c) => {
    const { model, names = [], answer } = read(await readFields(c.req.raw, { served, limits }));
    const record = c.get('record');
    const [first = ''] = served.contexts.keys();
    const context = chooseModel(model ?? first, {}, { served, requestId: record.id });
    record.model = context.model.id;
    const { body, noEffect } = await underOuterNames(names, () => answer(context));
    return c.json(body, 200, noEffectHeaders(noEffect));
  };
}

/** Reads a request whose fields are those of its schema. */
export function plainly<Schema extends z.ZodType<{ model?: string | null | undefined }>>(
  schema: Schema,
  answer: (request: z.infer<Schema>, context: ApiContext) => object,
): (fields: Record<string, unknown>) => TextAsked {
  return (fields) => {
    const request = parseFields(schema, fields, { unsupported: {} });
    const noEffect = fieldsWithoutEffect(schema, fields);
    return { model: request.model, answer: (context) => ({ body: answer(request, context), noEffect }) };
  };
}
