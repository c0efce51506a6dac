// A request's body as fields that name a model which is served here. Knows no endpoint.
import { parseJson, readBody } from './body.ts';
import type { Limits } from './context.ts';
import { requireServed, type Served } from './models.ts';
import type { Owner, Slices } from './work/slices.ts';

/** `null` fields are left out; `model` is filled in if it is absent and only one model is served. Throws ApiErrors. */
export async function readFields(
  request: Request,
  { served, limits, slices, owner }: { served: Served; limits: Limits; slices: Slices; owner: Owner },
): Promise<Record<string, unknown>> {
  const text = await readBody(request, limits.bodyBytes);
  const fields = await slices.turn(owner, () => parseJson(text));
  requireServed(fields.model, served);
  const [only, another] = served.contexts.keys();
  return fields.model === undefined && another === undefined ? { ...fields, model: only } : fields;
}
