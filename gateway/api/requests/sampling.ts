// Translates checked request fields to the engine's seed, stops, limits, priority and allowed tokens.
import { randomInt } from 'node:crypto';
import type { ConstraintSpec } from '../../constraints/specification.ts';
import type { EngineInfo } from '../../engine/messages.ts';
import { badRequest } from '../errors.ts';
import type { StoredKey } from '../tenants/keys.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { requireToken } from './fields/sampling-fields.ts';
import type { CommonRequest } from './fields/schema-fields.ts';

/** Draws 53 random bits for a request without a seed. Every request has a seed, so that any answer can be reproduced. */
export function drawSeed(): number {
  return randomInt(2 ** 5) * 2 ** 48 + randomInt(2 ** 48 - 1);
}

/** Token ids that end the answer: those of the request and, unless `ignore_eos` is set, those of the model. */
export function stopIdsOf(request: CommonRequest, modelStops: readonly number[], info: EngineInfo): number[] {
  const own = request.stop_token_ids ?? [];
  own.forEach((id, i) => {
    requireToken(id, `stop_token_ids[${i}]`, info);
  });
  return [...new Set([...(request.ignore_eos === true ? [] : modelStops), ...own])];
}

/** Minimum number of tokens in the answer. Throws a 400 if it exceeds `maxTokens`. */
export function minTokensOf({ min_tokens }: CommonRequest, maxTokens: number): number {
  const least = min_tokens ?? 0;
  if (least <= maxTokens) return least;
  const message = `Invalid 'min_tokens': expected at most 'max_tokens', which is ${maxTokens}, but got ${least}.`;
  throw badRequest(message, { param: 'min_tokens', code: 'integer_above_max_value' });
}

/** If the server has API keys, only an admin key may set a priority below 0. For other keys, such a priority counts as 0. */
export function priorityOf({ priority }: CommonRequest, key: StoredKey | undefined): number {
  const asked = priority ?? 0;
  return key === undefined || key.admin === true ? asked : Math.max(asked, 0);
}

/** The request's stop strings. Empty strings are ignored. */
export function stopStringsOf({ stop }: CommonRequest): string[] {
  const stops = typeof stop === 'string' ? [stop] : (stop ?? []);
  return stops.filter((text) => text !== '');
}

/** Ids of the special tokens whose names appear in the text. Undefined: none do. */
export function shownSpecials(
  { skip_special_tokens }: CommonRequest,
  { added }: Pick<Tokenizer, 'added'>,
): ReadonlySet<number> | undefined {
  if (skip_special_tokens !== false) return undefined;
  return new Set(added.filter(({ special }) => special).map(({ id }) => id));
}

/** The constraint of `allowed_token_ids`, or else `other`. Undefined: all ids are allowed. Throws a 400 if the request has both. */
export function allowedIds<Other extends ConstraintSpec>(
  { allowed_token_ids: ids }: CommonRequest,
  info: EngineInfo,
  other: Other | undefined,
): Other | Extract<ConstraintSpec, { type: 'ids' }> | undefined {
  if (!ids) return other;
  const param = 'allowed_token_ids';
  ids.forEach((id, i) => {
    requireToken(id, `${param}[${i}]`, info);
  });
  if (other === undefined) return { type: 'ids', ids };
  const message = `'${param}' cannot be combined with structured output, tools, or a limit of thinking.`;
  throw badRequest(message, { param, code: 'invalid_parameter_combination' });
}
