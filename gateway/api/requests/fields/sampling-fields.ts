// The request fields that control how the next token is drawn: their zod schemas, and their translation to settings of the
// engine. To add a sampling parameter, add a schema and a line in `samplingSettings`. Every endpoint that generates then accepts
// the field.
import { z } from 'zod';
import { type EngineInfo, neutralSampling, type SamplingSettings } from '../../../engine/messages.ts';
import { badRequest } from '../../errors.ts';
import type { SamplingDefaults } from '../../text/sampling-defaults.ts';
import { decimal, integer, LARGEST_INT32 } from './numbers.ts';

export const samplingFields = {
  temperature: decimal(0, 2)
    .nullish()
    .describe('0 always takes the most likely token. Default: that of the model, or else 1.'),
  top_p: decimal(0, 1)
    .nullish()
    .describe(
      'Keep the smallest set of most likely tokens whose probabilities reach this sum. Default: that of the model, or else 1.',
    ),
  top_k: integer(-1, LARGEST_INT32)
    .nullish()
    .describe(
      'Keep this many of the most likely tokens. 0 and -1 keep all. Default: that of the model, or else 0.',
    ),
  min_p: decimal(0, 1)
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
  repetition_penalty: decimal(0.01, 100)
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
  const temperature = request.temperature ?? defaults.temperature ?? neutralSampling.temperature;
  return {
    temperature: temperature < LEAST_TEMPERATURE ? 0 : temperature,
    topP: Math.max(request.top_p ?? defaults.top_p ?? neutralSampling.topP, LEAST_TOP_P),
    topK: Math.max(request.top_k ?? defaults.top_k ?? neutralSampling.topK, 0),
    minP: request.min_p ?? defaults.min_p ?? neutralSampling.minP,
    presencePenalty: request.presence_penalty ?? neutralSampling.presencePenalty,
    frequencyPenalty: request.frequency_penalty ?? neutralSampling.frequencyPenalty,
    repetitionPenalty:
      request.repetition_penalty ?? defaults.repetition_penalty ?? neutralSampling.repetitionPenalty,
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
