// POST /v1/shards/drain: takes a shard of this gateway out of service. This file checks the request and writes the outcome as HTTP;
// a function of the type `DrainShard` asks the shard.
import type { Context } from 'hono';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import { ApiError } from '../errors.ts';
import { parseFields, parseJson, readBody } from '../requests/body.ts';
import type { Shared } from '../shared.ts';
import type { RecordEnv } from '../telemetry/request-record.ts';
import { statusInTime } from './engine-status.ts';

/** The outcome of draining one shard. */
export type DrainOutcome =
  /** The shard has left service. `inFlight` calls were cut off; 0 means that no call was lost. */
  | { type: 'drained'; answered: number; inFlight: number }
  /**
   * `refused`: the shard stays, because some of its experts are served by no other shard. `unproven`: the shard does not accept the
   * credentials of this gateway. `failed`: the shard was not reached or did not answer.
   */
  | { type: 'refused' | 'unproven' | 'failed'; message: string };

/** `address` is that of a shard in the engine's status. `force` also drains a shard that is the only holder of an expert. */
export type DrainShard = (address: string, options: { force: boolean }) => Promise<DrainOutcome>;

export const drainSchema = z.strictObject({
  address: z.string().min(1).max(300).describe('Address of the shard, as GET /v1/shards shows it.'),
  force: z
    .boolean()
    .nullish()
    .describe('Drain the shard even if it is the only one that serves some of its experts. Default false.'),
});

export async function drainEndpoint(
  c: Context<RecordEnv>,
  { served: { contexts }, limits, drainShard, hosts }: Shared,
): Promise<Response> {
  if (c.get('record').key === undefined && hosts?.loopback === false) {
    const message =
      'This gateway listens beyond loopback without --api-keys, so anyone could drain its shards. Start it with --api-keys ' +
      'and send a key made with --admin, or use `expertgrid drain`.';
    throw new ApiError({ status: 403, message, code: 'insufficient_permissions' });
  }
  const fields = parseJson(await readBody(c.req.raw, limits.bodyBytes));
  const { address, force } = parseFields(drainSchema, fields, { unsupported: {} });
  const member = await memberAt(address, [...contexts.values()]);
  if (member === undefined) {
    const message = `This gateway has no shard ${address}. GET /v1/shards lists the shards that it has.`;
    throw new ApiError({ status: 404, message, param: 'address', code: 'shard_not_found' });
  }
  if (drainShard === undefined || member.inProcess) {
    const message = `The shard ${address} runs in the gateway's own process and cannot leave it.`;
    throw new ApiError({ status: 409, message, param: 'address', code: 'shard_in_process' });
  }
  const outcome = await drainShard(address, { force: force === true });
  if (outcome.type !== 'drained') throw notDrained(address, outcome, contexts);
  const { answered, inFlight } = outcome;
  return c.json({ address, safe_to_delete: inFlight === 0, answered, in_flight: inFlight });
}

/** The shard of this gateway with the address. The gateway must not connect to any other address that a client sends. */
async function memberAt(address: string, contexts: readonly ApiContext[]) {
  const statuses = await Promise.all(contexts.map(statusInTime));
  return statuses.flatMap((status) => status?.shards ?? []).find((shard) => shard.address === address);
}

/** Shards name a model by its identity. Replaces each identity in the message with the id that clients use. */
function withModelIds(message: string, contexts: ReadonlyMap<string, ApiContext>): string {
  let named = message;
  for (const [id, { engine }] of contexts) named = named.replaceAll(engine.info.identity, id);
  return named;
}

function notDrained(
  address: string,
  { type, message: why }: Exclude<DrainOutcome, { type: 'drained' }>,
  contexts: ReadonlyMap<string, ApiContext>,
): ApiError {
  switch (type) {
    case 'refused': {
      const message = `The shard ${address} stays in service: ${withModelIds(why, contexts)}.`;
      return new ApiError({ status: 409, message, param: 'force', code: 'only_holder' });
    }
    case 'unproven': {
      const message = `This gateway may not drain the shard ${address}: ${why}. Use \`expertgrid drain\` with an admin's certificate.`;
      return new ApiError({ status: 403, message, code: 'insufficient_permissions' });
    }
    case 'failed': {
      const message = `The shard ${address} was not drained: ${why}.`;
      return new ApiError({ status: 503, message, type: 'server_error', code: 'shard_unavailable' });
    }
  }
}
