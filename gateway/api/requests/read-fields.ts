// Reads a request's body as fields, and checks that this gateway serves the model that they name.

import type { Holding, MemoryLedger } from '../budget/ledger.ts';
import type { Slices, Tenant } from '../budget/slices.ts';
import type { Limits } from '../context.ts';
import { requireServed, type Served } from '../endpoints/models.ts';
import { parseJson, readBody } from './body.ts';

/** The parts of the server that reading a request needs. */
export interface Reading {
  served: Served;
  limits: Limits;
  slices: Slices;
  ledger: MemoryLedger;
}

/**
 * Calls `use` with the fields of the request, without fields that are `null`. The memory of the request counts for the tenant until
 * `use` is done. If `model` is absent and only one model is served, `model` is filled in. Throws ApiErrors.
 */
export async function withFields<Result>(
  request: Request,
  { tenant, ...reading }: Reading & { tenant: Tenant },
  use: (fields: Record<string, unknown>) => Promise<Result>,
): Promise<Result> {
  const holding = reading.ledger.open(tenant.name);
  try {
    return await use(await readFields(request, { ...reading, tenant, holding }));
  } finally {
    holding.release();
  }
}

/** A separate function, so that the text of the body can be freed while `use` runs. */
async function readFields(
  request: Request,
  { served, limits, slices, tenant, holding }: Reading & { tenant: Tenant; holding: Holding },
): Promise<Record<string, unknown>> {
  const text = await readBody(request, limits.bodyBytes, holding);
  const fields = await slices.turn(tenant, () => parseJson(text));
  requireServed(fields.model, served);
  const [only, another] = served.contexts.keys();
  return fields.model === undefined && another === undefined ? { ...fields, model: only } : fields;
}
