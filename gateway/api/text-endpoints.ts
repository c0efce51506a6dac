// What the endpoints that ask the engine nothing have in common: body, fields, model, answer. Knows no endpoint.
import type { Context } from 'hono';
import type { z } from 'zod';
import { parseFields } from './body.ts';
import type { ApiContext, Limits } from './context.ts';
import { chooseModel, type Served } from './models.ts';
import { fieldsWithoutEffect, noEffectHeaders } from './no-effect.ts';
import { readFields } from './read-fields.ts';
import type { RequestRecord } from './request-record.ts';

/** Without a model in the request the first is meant. */
export function textHandler<Schema extends z.ZodType<{ model?: string | null | undefined }>>(
  schema: Schema,
  answer: (request: z.infer<Schema>, context: ApiContext) => object,
  { served, limits }: { served: Served; limits: Limits },
): (c: Context<{ Variables: { record: RequestRecord } }>) => Promise<Response> {
  return async (c) => {
    const fields = await readFields(c.req.raw, { served, limits });
    const request = parseFields(schema, fields, { unsupported: {} });
    const record = c.get('record');
    const [first = ''] = served.contexts.keys();
    const context = chooseModel(request.model ?? first, {}, { served, requestId: record.id });
    record.model = context.model.id;
    return c.json(answer(request, context), 200, noEffectHeaders(fieldsWithoutEffect(schema, fields)));
  };
}
