// From checked request fields to what the engine is told: OpenAI's defaults, stop ids, seed. Knows no text and no HTTP.
import { randomInt } from 'node:crypto';
import type { ConstraintSpec } from '../../constraints/specification.ts';
import { type EngineInfo, neutralSampling, type SamplingSettings } from '../../engine/messages.ts';
import { badRequest } from '../errors.ts';
import type { StoredKey } from '../tenants/keys.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { CommonRequest } from './fields/schema-fields.ts';

/** Below this top_p keeps the likeliest token only; 0, which OpenAI allows, would keep none. */
const LEAST_TOP_P = 1e-9;

/**
 * Below this the likeliest token is all that a draw could give, and logits are divided by it in single precision, where
 * 1e-46 is 0.
 */
const LEAST_TEMPERATURE = 1e-6;

/** 53 random bits: every request has a seed, so that any answer can be had again. */
export function drawSeed(): number {
  return randomInt(2 ** 5) * 2 ** 48 + randomInt(2 ** 48 - 1);
}

export function samplingSettings(
  request: CommonRequest,
  { seed, choice, info }: { seed: number; choice: number; info: EngineInfo },
): SamplingSettings {
  const temperature = request.temperature ?? neutralSampling.temperature;
  return {
    temperature: temperature < LEAST_TEMPERATURE ? 0 : temperature,
    topP: Math.max(request.top_p ?? neutralSampling.topP, LEAST_TOP_P),
    topK: Math.max(request.top_k ?? neutralSampling.topK, 0),
    minP: request.min_p ?? neutralSampling.minP,
    presencePenalty: request.presence_penalty ?? neutralSampling.presencePenalty,
    frequencyPenalty: request.frequency_penalty ?? neutralSampling.frequencyPenalty,
    repetitionPenalty: request.repetition_penalty ?? neutralSampling.repetitionPenalty,
    logitBias: logitBias(request.logit_bias ?? {}, info),
    seed,
    choice,
  };
}

/** Ids that end the answer: the model's own unless refused, and the caller's. */
export function stopIdsOf(request: CommonRequest, modelStops: readonly number[], info: EngineInfo): number[] {
  const own = request.stop_token_ids ?? [];
  own.forEach((id, i) => {
    requireToken(id, `stop_token_ids[${i}]`, info);
  });
  return [...new Set([...(request.ignore_eos === true ? [] : modelStops), ...own])];
}

/** Throws where the answer ends before so many tokens. */
export function minTokensOf({ min_tokens }: CommonRequest, maxTokens: number): number {
  const least = min_tokens ?? 0;
  if (least <= maxTokens) return least;
  const message = `Invalid 'min_tokens': expected at most 'max_tokens', which is ${maxTokens}, but got ${least}.`;
  throw badRequest(message, { param: 'min_tokens', code: 'integer_above_max_value' });
}

/** Ahead of the default only for who operates: without keys everyone, with keys an admin's. */
export function priorityOf({ priority }: CommonRequest, key: StoredKey | undefined): number {
  const asked = priority ?? 0;
  return key === undefined || key.admin === true ? asked : Math.max(asked, 0);
}

/** `[layers]`; undefined where the checkpoint's own k holds. */
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

function logitBias(bias: Record<string, number>, info: EngineInfo): [number, number][] {
  return Object.entries(bias).map(([key, value]) => {
    requireToken(Number(key), `logit_bias.${key}`, info);
    return [Number(key), value];
  });
}

/** Special tokens whose names are part of the text. */
export function shownSpecials(
  { skip_special_tokens }: CommonRequest,
  { added }: Pick<Tokenizer, 'added'>,
): ReadonlySet<number> | undefined {
  if (skip_special_tokens !== false) return undefined;
  return new Set(added.filter(({ special }) => special).map(({ id }) => id));
}

/** What holds an answer to the ids that may come; undefined: all may. `other` is what it is held to besides. */
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
  const message = `'${param}' is not allowed beside a form of the answer, tools, or a limit of thinking.`;
  throw badRequest(message, { param, code: 'invalid_parameter_combination' });
}

function requireToken(id: number, param: string, { vocab }: EngineInfo): void {
  if (id < vocab) return;
  const message = `Invalid '${param}': token id ${id} is outside the vocabulary of ${vocab} tokens.`;
  throw badRequest(message, { param, code: 'invalid_token_id' });
}
