// From checked request fields to what the engine gets beside the sampling settings: seed, stops, limits, experts, priority.
import { randomInt } from 'node:crypto';
import type { ConstraintSpec } from '../../constraints/specification.ts';
import type { EngineInfo } from '../../engine/messages.ts';
import { badRequest } from '../errors.ts';
import type { StoredKey } from '../tenants/keys.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { requireToken } from './fields/sampling-fields.ts';
import type { CommonRequest } from './fields/schema-fields.ts';

/** 53 random bits. Every request has a seed, so that any answer can be reproduced. */
export function drawSeed(): number {
  return randomInt(2 ** 5) * 2 ** 48 + randomInt(2 ** 48 - 1);
}

/** Ids that end the answer: the model's own, unless `ignore_eos` is set, and the request's. */
export function stopIdsOf(request: CommonRequest, modelStops: readonly number[], info: EngineInfo): number[] {
  const own = request.stop_token_ids ?? [];
  own.forEach((id, i) => {
    requireToken(id, `stop_token_ids[${i}]`, info);
  });
  return [...new Set([...(request.ignore_eos === true ? [] : modelStops), ...own])];
}

/** Throws a 400 if the answer cannot have so many tokens. */
export function minTokensOf({ min_tokens }: CommonRequest, maxTokens: number): number {
  const least = min_tokens ?? 0;
  if (least <= maxTokens) return least;
  const message = `Invalid 'min_tokens': expected at most 'max_tokens', which is ${maxTokens}, but got ${least}.`;
  throw badRequest(message, { param: 'min_tokens', code: 'integer_above_max_value' });
}

/** With API keys, only an admin's key may go ahead of the default priority. Without keys everyone may. */
export function priorityOf({ priority }: CommonRequest, key: StoredKey | undefined): number {
  const asked = priority ?? 0;
  return key === undefined || key.admin === true ? asked : Math.max(asked, 0);
}

/** `[layers]`. Undefined: the checkpoint's own numbers hold. */
export function expertsPerTokenOf(
  { expertgrid }: CommonRequest,
  { layers, experts }: EngineInfo,
): number[] | undefined {
  const asked = expertgrid?.experts_per_token ?? undefined;
  if (asked === undefined) return undefined;
  const param = 'expertgrid.experts_per_token';
  if (Array.isArray(asked) && asked.length !== layers) {
    const message = `Invalid '${param}': expected one number, or one for each of ${layers} layers, but got ${asked.length}.`;
    throw badRequest(message, { param, code: 'invalid_array_length' });
  }
  const list = Array.isArray(asked) ? asked : new Array<number>(layers).fill(asked);
  const most = Math.max(...list);
  if (most <= experts) return list;
  const message = `Invalid '${param}': integer above maximum value. Expected a value <= ${experts}, but got ${most} instead.`;
  throw badRequest(message, { param, code: 'integer_above_max_value' });
}

export function stopStringsOf({ stop }: CommonRequest): string[] {
  const stops = typeof stop === 'string' ? [stop] : (stop ?? []);
  return stops.filter((text) => text !== '');
}

/** Special tokens whose names appear in the text. */
export function shownSpecials(
  { skip_special_tokens }: CommonRequest,
  { added }: Pick<Tokenizer, 'added'>,
): ReadonlySet<number> | undefined {
  if (skip_special_tokens !== false) return undefined;
  return new Set(added.filter(({ special }) => special).map(({ id }) => id));
}

/** The constraint of an answer to its allowed ids. Undefined: all ids are allowed. `other` is its other constraint, if any. */
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
