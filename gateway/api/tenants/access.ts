// Checks the API key of each request before its body is read, and applies the rate limits of the key.
import type { Context, Handler, MiddlewareHandler } from 'hono';
import { keyOfRequest, missingKey, wrongKey } from '../../../tenancy/api-key.ts';
import { rateHeaders } from '../../../tenancy/rate-headers.ts';
import { ApiError } from '../errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RecordEnv } from '../telemetry/request-record.ts';
import { findKey, type StoredKey } from './keys.ts';
import { rateError } from './rate-answers.ts';
import { type Exceeded, RateLimits } from './rate-limits.ts';

export interface Access {
  /** The current keys, which may change at any time. */
  keys: () => readonly StoredKey[];
  /** Whether all tenants share cached prompts. Default false: only requests with the same key share them. */
  sharedPrefix?: boolean;
  /** Whether only signed requests may call, so that no key is valid. Default false. */
  edgeOnly?: boolean;
}

/** Throws a 401 for requests without a valid key, unless they are signed or the path needs none. The rate limits of a key count its POST requests. */
export function requireKey(
  { keys, sharedPrefix = false, edgeOnly = false }: Access,
  { metrics, isOpen }: { metrics: Metrics; isOpen: (path: string) => boolean },
): MiddlewareHandler<RecordEnv> {
  const limits = new RateLimits();
  return async (c, next) => {
    if (isOpen(c.req.path) || c.get('record').caller !== undefined) return await next();
    if (edgeOnly) throw edgeOnlyError();
    const key = callerOf(c, keys());
    const record = c.get('record');
    record.key = key;
    if (!sharedPrefix) record.prefixTenant = key.sha256;
    if (c.req.method !== 'POST') return await next();
    const exceeded = (by: Exceeded) => {
      metrics.keyRefused(key.name, by.kind);
      return rateError(key.name, by, limits.read(key));
    };
    const begun = limits.begin(key);
    if ('exceeded' in begun) throw exceeded(begun.exceeded);
    record.begin(begun.turn, exceeded);
    await next();
    for (const [name, value] of Object.entries(rateHeaders(limits.read(key)))) c.header(name, value);
  };
}

/** For endpoints about all tenants or about the machines. If the server has API keys, only admin keys may call these endpoints. */
export function forAdmins(handler: Handler<RecordEnv>): Handler<RecordEnv> {
  return (c, next) => {
    const { key } = c.get('record');
    if (key !== undefined && key.admin !== true) throw adminsOnly(key.name, c.req.path);
    return handler(c, next);
  };
}

/** Throws a 401 if the request has no valid key. */
function callerOf(c: Context, keys: readonly StoredKey[]): StoredKey {
  const given = keyOfRequest((name) => c.req.header(name));
  if (given === undefined) throw unauthorized(missingKey);
  const key = findKey(keys, given);
  if (key === undefined) throw unauthorized(wrongKey(given));
  return key;
}

function unauthorized(message: string): ApiError {
  const headers = { 'www-authenticate': 'Bearer realm="expertgrid"' };
  return new ApiError({ status: 401, message, code: 'invalid_api_key', headers });
}

function edgeOnlyError(): ApiError {
  const message = 'This gateway answers only requests that the edge has signed. Send yours to the edge.';
  return new ApiError({ status: 401, message, code: 'edge_only' });
}

function adminsOnly(name: string, path: string): ApiError {
  const message = `The key '${name}' may not ask for ${path}, which is about all API keys. Use a key that was made with --admin.`;
  return new ApiError({ status: 403, message, code: 'insufficient_permissions' });
}
