// GET /v1/models and /v1/models/{id}, and the choice of the model that answers a request.
import type { Context } from 'hono';
import type { ApiContext } from '../context.ts';
import { ApiError } from '../errors.ts';
import { type Aliases, drawVersion, type Weights } from './aliases.ts';

export interface Served {
  /** By model id. The first model answers requests that name none. */
  contexts: ReadonlyMap<string, ApiContext>;
  /** The current aliases, which may change at any time. */
  aliases: () => Aliases;
}

/** Fields of a request that identify its user. */
export interface Requester {
  user?: string | null | undefined;
  prompt_cache_key?: string | null | undefined;
}

export function listModels(c: Context, { contexts, aliases }: Served): Response {
  const models = [...contexts.values()].map(describe);
  const names = [...aliases()].map(([name, weights]) => describeAlias(name, weights, contexts));
  return c.json({ object: 'list', data: [...models, ...names] });
}

export function showModel(c: Context, { contexts, aliases }: Served): Response {
  const id = c.req.param('id') ?? '';
  const context = contexts.get(id);
  if (context !== undefined) return c.json(describe(context));
  const weights = aliases().get(id);
  if (weights === undefined) throw notFound(id, { contexts, aliases });
  return c.json(describeAlias(id, weights, contexts));
}

/** Throws OpenAI's error `model_not_found` for an unknown name. A name that is no string passes: the schema refuses it later. */
export function requireServed(name: unknown, served: Served): void {
  if (typeof name !== 'string' || served.contexts.has(name) || served.aliases().has(name)) return;
  throw notFound(name, served);
}

/**
 * The model that answers. For an alias, requests with the same `user`, or else the same `prompt_cache_key`, get the same version.
 * Without these fields, `requestId` determines the version.
 */
export function chooseModel(
  name: string,
  { user, prompt_cache_key }: Requester,
  { served, requestId }: { served: Served; requestId: string },
): ApiContext {
  const weights = served.aliases().get(name);
  const key = user ?? prompt_cache_key ?? requestId;
  const context = served.contexts.get(weights === undefined ? name : drawVersion(name, weights, key));
  if (context === undefined) throw notFound(name, served);
  return context;
}

/** The model that began the stream of a record. Throws a 409 if it is not served here. */
export function servedModel(id: string, served: Served): ApiContext {
  const context = served.contexts.get(id);
  if (context !== undefined) return context;
  const { message } = notFound(id, served);
  throw new ApiError({ status: 409, message, code: 'cannot_continue' });
}

/** The model whose id is in `?model=`, or the first one. */
export function modelOfQuery(c: Context, { contexts }: Served): ApiContext {
  const id = c.req.query('model');
  const [first] = contexts.values();
  const context = id === undefined ? first : contexts.get(id);
  // Aliases are unknown here, because an alias stands for several models.
  if (context === undefined) throw notFound(id ?? '', { contexts, aliases: () => new Map() });
  return context;
}

export function notFound(name: string, { contexts, aliases }: Served): ApiError {
  const served = [...contexts.keys(), ...aliases().keys()].join(', ');
  const message = `The model '${name.slice(0, 200)}' does not exist or you do not have access to it. Served here: ${served}.`;
  return new ApiError({ status: 404, message, param: 'model', code: 'model_not_found' });
}

/** Includes vLLM's fields. `parent` and `root` say that no model is an adapter of another model. */
function describe({
  model: { id, created, facts },
  engine,
  experts: settings,
}: Pick<ApiContext, 'model' | 'engine' | 'experts'>) {
  const { context, layers, experts, expertsPerToken, perToken } = engine.info;
  const known = facts && {
    bits: facts.bits,
    parameters: facts.parameters,
    active_parameters: facts.activeParameters,
  };
  const shape = {
    ...{ layers, experts, experts_per_token: expertsPerToken },
    ...{ least_experts_per_token: perToken.least, most_experts_per_token: perToken.most },
    ...(settings && { default: settings }),
  };
  return { ...modelCard(id, { created, context }), expertgrid: { ...shape, ...known } };
}

function modelCard(id: string, { created, context }: { created: number; context: number }) {
  return {
    ...{ id, object: 'model', created, owned_by: 'expertgrid' },
    ...{ root: id, parent: null, max_model_len: context, context_length: context },
  };
}

/** The context is the smallest of all versions, so that a prompt that fits into it fits into each version. */
function describeAlias(id: string, weights: Weights, contexts: Served['contexts']) {
  const versions = [...weights.keys()].flatMap((version) => contexts.get(version) ?? []);
  const context = Math.min(...versions.map(({ engine }) => engine.info.context));
  const card = modelCard(id, { created: createdOf(versions), context });
  return { ...card, expertgrid: { versions: Object.fromEntries(weights) } };
}

/** When the newest of the versions was created, in Unix seconds. */
export function createdOf(versions: readonly Pick<ApiContext, 'model'>[]): number {
  return Math.max(0, ...versions.map(({ model }) => model.created));
}
