// What the endpoints that ask the engine nothing have in common: body, fields, model, answer. Knows no endpoint.
import type { Context } from 'hono';
import type { z } from 'zod';
import { parseFields, parseJson, readBody } from './body.ts';
import type { ApiContext, Limits } from './context.ts';
import { chooseModel, requireServed, type Served } from './models.ts';
import { fieldsWithoutEffect, noEffectHeaders } from './no-effect.ts';
import type { RequestRecord } from './request-record.ts';

/** Without a model in the request the first is meant. */
export function textHandler<Schema extends z.ZodType<{ model?: string | null | undefined }>>(
  schema: Schema,
  answer: (request: z.infer<Schema>, context: ApiContext) => object,
  { served, limits }: { served: Served; limits: Limits },
): (c: Context<{ Variables: { record: RequestRecord } }>) => Promise<Response> {
  return async (c) => {
    const fields = parseJson(await readBody(c.req.raw, limits.bodyBytes));
    requireServed(fields.model, served);
    const request = parseFields(schema, fields, { unsupported: {} });
    const record = c.get('record');
    const [first = ''] = served.contexts.keys();
    const context = chooseModel(request.model ?? first, {}, { served, requestId: record.id });
    record.model = context.model.id;
    return c.json(answer(request, context), 200, noEffectHeaders(fieldsWithoutEffect(schema, fields)));
  };
}
