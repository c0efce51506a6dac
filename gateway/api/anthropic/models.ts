// GET /v1/models and /v1/models/{id} in the shape of Anthropic's Models API, whose lists have pages.
import type { Context } from 'hono';
import type { ApiContext } from '../context.ts';
import { createdOf, notFound, type Served } from '../endpoints/models.ts';
import { badRequest, invalidValue } from '../errors.ts';

/** Number of models in one page of the list: Anthropic's default and maximum. */
const PAGE = { default: 20, most: 1000 };

/** One page of the models, newest first. Throws a 400 if the page begins or ends at an unknown model. */
export function listAnthropicModels(c: Context, served: Served): Response {
  const lifecycles = [...(c.req.queries('lifecycle') ?? []), ...(c.req.queries('lifecycle[]') ?? [])];
  const wanted = lifecycles.length === 0 || lifecycles.includes('active');
  const all = wanted ? allModels(served) : [];
  const ids = all.map(({ id }) => id);
  const { from, to } = pageOf(c, ids);
  const data = all.slice(from, to);
  const backwards = c.req.query('before_id') !== undefined;
  return c.json({
    data,
    has_more: backwards ? from > 0 : to < all.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  });
}

export function showAnthropicModel(c: Context, served: Served): Response {
  const id = c.req.param('id') ?? '';
  const model = allModels(served).find((each) => each.id === id);
  if (model === undefined) throw notFound(id, served);
  return c.json(model);
}

function allModels({ contexts, aliases }: Served) {
  const models = [...contexts.values()].map((context) => {
    return infoOf(context.model.id, context.model.created, [context]);
  });
  const names = [...aliases()].map(([name, weights]) => {
    const versions = [...weights.keys()].flatMap((version) => contexts.get(version) ?? []);
    return infoOf(name, createdOf(versions), versions);
  });
  return [...models, ...names].sort((a, b) => b.created_at.localeCompare(a.created_at));
}

/** `created` is in Unix seconds. An alias has the smallest context of its versions. */
function infoOf(id: string, created: number, versions: readonly ApiContext[]) {
  const context = Math.min(...versions.map(({ engine }) => engine.info.context));
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(created * 1000).toISOString(),
    max_input_tokens: context,
    max_tokens: context,
    lifecycle: 'active',
    line: null,
    capabilities: null,
    deprecated_at: null,
    retires_at: null,
  };
}

/** The range of `ids` that the query asks for. */
function pageOf({ req }: Context, ids: readonly string[]): { from: number; to: number } {
  const [after, before] = [req.query('after_id'), req.query('before_id')];
  const limit = limitOf(req.query('limit'));
  if (after !== undefined && before !== undefined) {
    const message = "The 'after_id' and 'before_id' parameters cannot be used together.";
    throw badRequest(message, { param: 'after_id', code: 'invalid_parameter_combination' });
  }
  if (before !== undefined) {
    const to = placeOf(ids, before, 'before_id');
    return { from: Math.max(0, to - limit), to };
  }
  const from = after === undefined ? 0 : placeOf(ids, after, 'after_id') + 1;
  return { from, to: Math.min(ids.length, from + limit) };
}

function placeOf(ids: readonly string[], id: string, param: string): number {
  const place = ids.indexOf(id);
  if (place >= 0) return place;
  throw invalidValue(param, `there is no model '${id.slice(0, 200)}' in the list`);
}

function limitOf(given: string | undefined): number {
  if (given === undefined) return PAGE.default;
  const limit = /^\d{1,9}$/.test(given) ? Number(given) : 0;
  if (limit >= 1 && limit <= PAGE.most) return limit;
  throw invalidValue('limit', `'${given.slice(0, 50)}' is not a whole number from 1 to ${PAGE.most}`);
}
