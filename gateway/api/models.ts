// GET /v1/models and /v1/models/{id}, and the rule that a request names the served model. Knows no checkpoint.
import type { Context } from 'hono';
import type { ServedModel } from './context.ts';
import { ApiError } from './errors.ts';

export function listModels(c: Context, model: ServedModel): Response {
  return c.json({ object: 'list', data: [describe(model)] });
}

export function showModel(c: Context, model: ServedModel): Response {
  requireServed(c.req.param('id'), model);
  return c.json(describe(model));
}

/** Throws OpenAI's model_not_found for any other name. What is no string is the schema's to refuse. */
export function requireServed(name: unknown, { id }: ServedModel): void {
  if (typeof name !== 'string' || name === id) return;
  const message = `The model '${name.slice(0, 200)}' does not exist or you do not have access to it.`;
  throw new ApiError({ status: 404, message, param: 'model', code: 'model_not_found' });
}

function describe({ id, created }: ServedModel) {
  return { id, object: 'model', created, owned_by: 'expertgrid' };
}
