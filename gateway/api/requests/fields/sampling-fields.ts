// The request fields that control how the next token is drawn: their zod schemas, and their translation to settings of the
// engine. To add a sampling parameter, add a schema and a line in `samplingSettings`. Every endpoint that generates then accepts
// the field.
import { z } from 'zod';
import { type EngineInfo, neutralSampling, type SamplingSettings } from '../../../engine/messages.ts';
import { badRequest } from '../../errors.ts';
import { type SamplingDefaults, samplingRanges } from '../../text/sampling-defaults.ts';
import { decimal, integer } from './numbers.ts';

export const samplingFields = {
  temperature: decimal(...samplingRanges.temperature)
    .nullish()
    .describe('0 always takes the most likely token. Default: that of the model, or else 1.'),
  top_p: decimal(...samplingRanges.top_p)
    .nullish()
    .describe(
      'Keep the smallest set of most likely tokens whose probabilities reach this sum. Default: that of the model, or else 1.',
    ),
  top_k: integer(...samplingRanges.top_k)
    .nullish()
    .describe(
      'Keep this many of the most likely tokens. 0 and -1 keep all. Default: that of the model, or else 0.',
    ),
  min_p: decimal(...samplingRanges.min_p)
    .nullish()
    .describe(
      'Drop tokens whose probability is below this share of the most likely one. Default: that of the model, or else 0.',
    ),
  /** Larger seeds are refused because JSON numbers lose digits beyond 2^53. */
  seed: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    .nullish()
    .describe('The same seed gives the same answer. Default: a random seed, which the answer reports.'),
  presence_penalty: decimal(-2, 2)
    .nullish()
    .describe('Subtracted once from the logit of each token that the answer contains. Default 0.'),
  frequency_penalty: decimal(-2, 2)
    .nullish()
    .describe('Subtracted from the logit of a token for each time that the answer contains it. Default 0.'),
  repetition_penalty: decimal(...samplingRanges.repetition_penalty)
    .nullish()
    .describe(
      'Divides the logits of tokens that the prompt or the answer contains. 1 is off. Default: that of the model, or else 1.',
    ),
  logit_bias: z
    .record(z.string().regex(/^\d+$/), decimal(-100, 100))
    .nullish()
    .describe('Added to the logits of these token ids.'),
};
const fields = z.object(samplingFields);
type SamplingRequest = z.infer<typeof fields>;

interface SamplingPlace {
  seed: number;
  choice: number;
  info: EngineInfo;
  defaults: SamplingDefaults;
}

/** What counts if neither the request nor the model says anything. */
const neutral: Required<SamplingDefaults> = {
  temperature: neutralSampling.temperature,
  top_p: neutralSampling.topP,
  top_k: neutralSampling.topK,
  min_p: neutralSampling.minP,
  repetition_penalty: neutralSampling.repetitionPenalty,
};

/** The value that counts for each setting: that of the request, or else that of the model. */
export function withDefaults(
  request: { [Setting in keyof SamplingDefaults]?: number | null | undefined },
  defaults: SamplingDefaults,
): Required<SamplingDefaults> {
  const value = (setting: keyof SamplingDefaults) =>
    request[setting] ?? defaults[setting] ?? neutral[setting];
  return {
    temperature: value('temperature'),
    top_p: value('top_p'),
    top_k: value('top_k'),
    min_p: value('min_p'),
    repetition_penalty: value('repetition_penalty'),
  };
}

/** Smaller values of `top_p` are raised to this value, which keeps only the most likely token. 0 would keep none. */
const LEAST_TOP_P = 1e-9;

/**
 * Smaller temperatures count as 0, which always draws the most likely token. Logits are divided by the temperature in single
 * precision, in which 1e-46 is 0.
 */
const LEAST_TEMPERATURE = 1e-6;

/**
 * `choice` is the index of the answer among those of the request. `defaults` are those of the model. Throws a 400 for a token id
 * outside the vocabulary.
 */
export function samplingSettings(
  request: SamplingRequest,
  { seed, choice, info, defaults }: SamplingPlace,
): SamplingSettings {
  const { temperature, top_p, top_k, min_p, repetition_penalty } = withDefaults(request, defaults);
  return {
    temperature: temperature < LEAST_TEMPERATURE ? 0 : temperature,
    topP: Math.max(top_p, LEAST_TOP_P),
    topK: Math.max(top_k, 0),
    minP: min_p,
    presencePenalty: request.presence_penalty ?? neutralSampling.presencePenalty,
    frequencyPenalty: request.frequency_penalty ?? neutralSampling.frequencyPenalty,
    repetitionPenalty: repetition_penalty,
    logitBias: logitBias(request.logit_bias ?? {}, info),
    seed,
    choice,
  };
}

function logitBias(bias: Record<string, number>, info: EngineInfo): [number, number][] {
  return Object.entries(bias).map(([key, value]) => {
    requireToken(Number(key), `logit_bias.${key}`, info);
    return [Number(key), value];
  });
}

/** Throws a 400 that names `param` if `id` is outside the vocabulary. */
export function requireToken(id: number, param: string, { vocab }: EngineInfo): void {
  if (id < vocab) return;
  const message = `Invalid '${param}': token id ${id} is outside the vocabulary of ${vocab} tokens.`;
  throw badRequest(message, { param, code: 'invalid_token_id' });
}
