// GET /v1/models of several regions: the models that any of them serves, and that the key may use.

import { relay } from './relay.ts';
import type { Call } from './requests/call.ts';
import type { Shared } from './send.ts';

export function asksForModels({ method, name }: Pick<Call, 'method' | 'name'>): boolean {
  return method === 'GET' && (name === 'models' || name.startsWith('models/'));
}

interface ModelList {
  data: { id: string }[];
  /** Only in Anthropic's format. */
  first_id?: string | null;
  last_id?: string | null;
}

/** `allowed`: the models that the key may use. Null: all. */
export async function modelsAnswer(
  call: Call,
  shared: Shared,
  allowed: readonly string[] | null,
): Promise<Response> {
  if (call.regions.length === 1 && allowed === null) return await relay(call, shared);
  const regional = (region: string) => relay({ ...call, regions: [region] }, shared);
  if (call.name !== 'models') return await firstKnown(call.regions, regional);
  const answers = await Promise.all(call.regions.map(regional));
  const good = answers.filter(({ status }) => status === 200);
  const [first] = good.length > 0 ? good : answers;
  if (first === undefined || first.status !== 200) return first ?? (await relay(call, shared));
  const lists = (await Promise.all(good.map((answer) => answer.json()))) as ModelList[];
  const byId = new Map(lists.flatMap(({ data }) => data).map((model) => [model.id, model]));
  const data = [...byId.values()].filter(({ id }) => allowed?.includes(id) !== false);
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  const body = { ...lists[0], data, ...(lists[0]?.first_id !== undefined && ends) };
  return Response.json(body, { headers: first.headers });
}

/** The answer of the first region that knows the model. */
async function firstKnown(
  regions: readonly string[],
  ask: (region: string) => Promise<Response>,
): Promise<Response> {
  let answer: Response | undefined;
  for (const region of regions) {
    answer = await ask(region);
    if (answer.status !== 404) return answer;
    if (region !== regions.at(-1)) await answer.body?.cancel();
  }
  return answer as Response;
}
