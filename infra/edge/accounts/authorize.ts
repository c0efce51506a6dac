// Decides whether a key may make a request. Pure.
import { missingKey, wrongKey } from '../../../tenancy/api-key.ts';
import type { EdgeError } from '../errors.ts';
import type { Account } from './account.ts';

/** What a request asks for. */
export interface Wanted {
  /** The field `model` of the body. Undefined: the request names none. */
  model?: string | undefined;
  /** Whether the request is answered by a model. */
  needsModel: boolean;
}

const challenge = { 'www-authenticate': 'Bearer realm="expertgrid"' };

function unauthorized(message: string): EdgeError {
  return { status: 401, message, code: 'invalid_api_key', headers: challenge };
}

/** `account` is the key that was found for `given`, which the request has. It is returned if it may be used at `now` (Unix ms). */
export function authenticated(
  given: string | undefined,
  account: Account | undefined,
  now: number,
): { account: Account } | { error: EdgeError } {
  if (given === undefined) return { error: unauthorized(missingKey) };
  if (account === undefined) return { error: unauthorized(wrongKey(given)) };
  const { name, disabled, expires } = account;
  if (disabled)
    return { error: unauthorized(`The key '${name}' is disabled. Ask the operator to enable it.`) };
  if (expires === null || now < expires) return { account };
  const at = new Date(expires).toISOString();
  return { error: unauthorized(`The key '${name}' expired at ${at}. Ask the operator for a new one.`) };
}

/** Why the key may not make the request. Undefined if it may. */
export function permissionError(
  { name, scopes, models }: Account,
  { model, needsModel }: Wanted,
): EdgeError | undefined {
  if (!scopes.includes('generate')) {
    const message = `The key '${name}' has no scope 'generate', which every request to the API needs.`;
    return { status: 403, message, code: 'insufficient_permissions' };
  }
  if (models === null || !needsModel || (model !== undefined && models.includes(model))) return undefined;
  const what = model === undefined ? 'must name a model' : 'may not use the model of this request';
  const message = `The key '${name}' ${what}. Its models: ${models.join(', ')}.`;
  return { status: 403, message, code: 'model_not_allowed', param: 'model' };
}
