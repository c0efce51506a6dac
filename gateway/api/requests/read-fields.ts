// A request's body as fields that name a model which is served here. Knows no endpoint.

import type { Holding, MemoryLedger } from '../budget/ledger.ts';
import type { Owner, Slices } from '../budget/slices.ts';
import type { Limits } from '../context.ts';
import { requireServed, type Served } from '../endpoints/models.ts';
import { parseJson, readBody } from './body.ts';

/** What reading a request takes of what all requests share. */
export interface Reading {
  served: Served;
  limits: Limits;
  slices: Slices;
  ledger: MemoryLedger;
}

/**
 * `use` gets the fields, and their memory is its owner's until it is done. `null` ones are left out; `model` is filled in if it is
 * absent and only one model is served. Throws ApiErrors.
 */
export async function withFields<Result>(
  request: Request,
  { owner, ...reading }: Reading & { owner: Owner },
  use: (fields: Record<string, unknown>) => Promise<Result>,
): Promise<Result> {
  const holding = reading.ledger.open(owner.name);
  try {
    return await use(await readFields(request, { ...reading, owner, holding }));
  } finally {
    holding.release();
  }
}

async function readFields(
  request: Request,
  { served, limits, slices, owner, holding }: Reading & { owner: Owner; holding: Holding },
): Promise<Record<string, unknown>> {
  const text = await readBody(request, limits.bodyBytes, holding);
  const fields = await slices.turn(owner, () => parseJson(text));
  requireServed(fields.model, served);
  const [only, another] = served.contexts.keys();
  return fields.model === undefined && another === undefined ? { ...fields, model: only } : fields;
}
