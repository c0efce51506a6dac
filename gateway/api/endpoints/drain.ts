// POST /v1/shards/drain: takes a shard of this gateway out of service. This file decides who may ask, for which shard, and how the
// outcome reads in HTTP. `DrainShard` asks the shard.
import type { Context } from 'hono';
import { z } from 'zod';
import type { HostRules } from '../allowed-hosts.ts';
import type { ApiContext, Limits } from '../context.ts';
import { ApiError } from '../errors.ts';
import { parseFields, parseJson, readBody } from '../requests/body.ts';
import type { RecordEnv } from '../telemetry/request-record.ts';
import { statusInTime } from './engine-status.ts';
import type { Served } from './models.ts';

/** The outcome of draining one shard. */
export type DrainOutcome =
  /** The shard has left service, and `inFlight` calls were cut. 0: nothing was lost. */
  | { type: 'drained'; answered: number; inFlight: number }
  /** The shard stays, because no other shard serves some of its experts. `message` names them. */
  | { type: 'refused'; message: string }
  /** The shard does not accept the credentials of this gateway. */
  | { type: 'unproven'; message: string }
  /** The shard was not reached, or did not answer. */
  | { type: 'failed'; message: string };

/** `address` is one of the engine's status. `force` also drains the only holder of an expert. */
export type DrainShard = (address: string, options: { force: boolean }) => Promise<DrainOutcome>;

export interface DrainOptions {
  served: Pick<Served, 'contexts'>;
  limits: Limits;
  /** Absent: the shards run in the gateway's own process. */
  drainShard: DrainShard | undefined;
  hosts: HostRules | undefined;
}

export const drainSchema = z.strictObject({
  address: z.string().min(1).max(300).describe('Address of the shard, as GET /v1/shards tells it.'),
  force: z
    .boolean()
    .nullish()
    .describe('Drain the shard even if no other shard serves some of its experts. Default false.'),
});

export async function drainEndpoint(
  c: Context<RecordEnv>,
  { served: { contexts }, limits, drainShard, hosts }: DrainOptions,
): Promise<Response> {
  if (c.get('record').key === undefined && hosts?.loopback === false) throw needsKeys();
  const fields = parseJson(await readBody(c.req.raw, limits.bodyBytes));
  const { address, force } = parseFields(drainSchema, fields, { unsupported: {} });
  if (!(await isMember(address, [...contexts.values()]))) throw unknownShard(address);
  if (drainShard === undefined) throw inProcess(address);
  const outcome = await drainShard(address, { force: force === true });
  if (outcome.type === 'refused') throw onlyHolder(address, inNames(outcome.message, contexts));
  if (outcome.type === 'unproven') throw notAllowed(address, outcome.message);
  if (outcome.type === 'failed') throw unreached(address, outcome.message);
  const { answered, inFlight } = outcome;
  return c.json({ address, safe_to_delete: inFlight === 0, answered, in_flight: inFlight });
}

/** The gateway connects only to its own shards, never to another address that a client names. */
async function isMember(address: string, contexts: readonly ApiContext[]): Promise<boolean> {
  const statuses = await Promise.all(
    contexts.map(({ engine, limits, logger }) => statusInTime(engine, { waitMs: limits.statusMs, logger })),
  );
  return statuses.some((status) => status?.shards.some((shard) => shard.address === address) === true);
}

/** Replaces identities of models, which shards use, by the ids under which clients know them. */
function inNames(message: string, contexts: ReadonlyMap<string, ApiContext>): string {
  let named = message;
  for (const [id, { engine }] of contexts) named = named.replaceAll(engine.info.identity, id);
  return named;
}

function needsKeys(): ApiError {
  const message =
    'This gateway listens beyond loopback without --api-keys, so anyone could drain its shards. Start it with --api-keys ' +
    'and send a key made with --admin, or use `expertgrid drain`.';
  return new ApiError({ status: 403, message, code: 'insufficient_permissions' });
}

function unknownShard(address: string): ApiError {
  const message = `This gateway has no shard ${address}. GET /v1/shards lists those it has.`;
  return new ApiError({ status: 404, message, param: 'address', code: 'shard_not_found' });
}

function inProcess(address: string): ApiError {
  const message = `The shard ${address} runs in the gateway's own process and cannot leave it.`;
  return new ApiError({ status: 409, message, param: 'address', code: 'shard_in_process' });
}

function onlyHolder(address: string, why: string): ApiError {
  const message = `The shard ${address} stays in service: ${why}.`;
  return new ApiError({ status: 409, message, param: 'force', code: 'only_holder' });
}

function notAllowed(address: string, why: string): ApiError {
  const message = `This gateway may not drain the shard ${address}: ${why}. Use \`expertgrid drain\` with an admin's certificate.`;
  return new ApiError({ status: 403, message, code: 'insufficient_permissions' });
}

function unreached(address: string, why: string): ApiError {
  const message = `The shard ${address} was not drained: ${why}.`;
  return new ApiError({ status: 503, message, type: 'server_error', code: 'shard_unavailable' });
}
