// The request fields that completions and chats share, as zod schemas. /openapi.json is generated from these schemas. `null` always
// means absent.
import { z } from 'zod';
import { expertPolicies, rungs } from '../../../engine/messages.ts';
import { noEffect } from './no-effect.ts';
import { decimal, integer, LARGEST_INT32, tokenId } from './numbers.ts';
import { samplingFields } from './sampling-fields.ts';
import { selectionFields } from './selection-fields.ts';
import { structuredFields } from './structured-schema.ts';

const stopString = z.string().max(512);
/** Largest number of stop strings in one request. Each stop string costs time at every token. */
const MOST_STOPS = 256;

/** `expertgrid grow` makes at most this many experts. expert-settings.ts checks the number of the model. */
const MOST_EXPERTS = 65_535;
/** `MOST_LAYERS` of model/config times the largest number of experts. */
const MOST_BUDGET = 4096 * MOST_EXPERTS;
const expertsPerToken = integer(1, MOST_EXPERTS);

/** How many experts a token uses. expert-settings.ts checks these fields against the model. */
export const expertSettings = z.strictObject({
  experts_per_token: z
    .union([expertsPerToken, z.array(expertsPerToken).min(1)])
    .nullish()
    .describe("Experts for each token: one number for all layers, or a list. Default: the checkpoint's."),
  expert_budget: integer(1, MOST_BUDGET)
    .nullish()
    .describe('Calls of experts for each token, all layers together, in place of `experts_per_token`.'),
  expert_policy: z
    .enum(expertPolicies)
    .nullish()
    .describe(
      'How `expert_budget` is spent: `fixed` (the default) evenly over the layers, `unsure` where the router gives a ' +
        "token's best experts similar weights.",
    ),
});

export const commonFields = {
  model: z
    .string()
    .describe('Id of a model, or an alias of several models. It may be omitted if only one model is served.'),
  ...samplingFields,
  ...selectionFields,
  max_tokens: integer(1, LARGEST_INT32).nullish().describe('Largest number of tokens in the answer.'),
  min_tokens: integer(0, LARGEST_INT32)
    .nullish()
    .describe('Stop ids and stop strings cannot end the answer before this many tokens. Default 0.'),
  stop: z
    .union([stopString, z.array(stopString).max(MOST_STOPS)])
    .nullish()
    .describe('Strings that end the answer and are not part of it. Empty strings are ignored.'),
  stop_token_ids: z.array(tokenId).max(128).nullish().describe('Token ids that end the answer.'),
  include_stop_str_in_output: z
    .boolean()
    .nullish()
    .describe('Keep the stop string that ended the answer in its text. Default false.'),
  truncate_prompt_tokens: integer(-1, LARGEST_INT32)
    .refine((most) => most !== 0, 'expected -1, or at least 1')
    .nullish()
    .describe(
      "Keep only this many of the prompt's last tokens. -1 keeps as many as the context has room for.",
    ),
  prompt_logprobs: integer(0, 20)
    .nullish()
    .describe('Return the log-probability of each prompt token, with this many of the most likely tokens.'),
  allowed_token_ids: z
    .array(tokenId)
    .min(1)
    .nullish()
    .describe('Generate only these tokens. Include a stop id if the answer should be able to end.'),
  skip_special_tokens: z
    .boolean()
    .nullish()
    .describe('False: the text contains the names of special tokens. Default true.'),
  ignore_eos: z
    .boolean()
    .nullish()
    .describe('Continue past the tokens with which the model ends an answer. Default false.'),
  ...structuredFields,
  return_token_ids: z
    .boolean()
    .nullish()
    .describe('Return the token ids of prompt and answer. Default false.'),
  priority: integer(-LARGEST_INT32, LARGEST_INT32)
    .nullish()
    .describe('Requests with a lower number leave the queue first. Default 0.'),
  stream: z.boolean().nullish().describe('Send the answer as server-sent events. Default false.'),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish().describe('Send a last chunk that contains only the usage.'),
      continuous_usage_stats: z
        .boolean()
        .nullish()
        .describe('With `include_usage`: also send the usage so far in each chunk.'),
      include_obfuscation: noEffect(z.boolean().nullish()).describe('No effect: nothing is padded.'),
    })
    .nullish(),
  usage: z
    .strictObject({ include: z.boolean().nullish() })
    .nullish()
    .describe(
      "OpenRouter's name of `stream_options.include_usage`. Answers that are not streamed always have it.",
    ),
  request_id: z.string().min(1).max(128).nullish().describe('Last part of the id of the answer.'),
  user: z.string().nullish(),
  metadata: noEffect(z.record(z.string(), z.unknown()).nullish()),
  store: noEffect(z.boolean().nullish()),
  service_tier: noEffect(z.string().nullish()),
  safety_identifier: noEffect(z.string().nullish()),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: noEffect(z.enum(['in_memory', 'in-memory', '24h']).nullish()),
  prompt_cache_options: noEffect(
    z.strictObject({ mode: z.enum(['implicit', 'explicit']).nullish(), ttl: z.string().nullish() }).nullish(),
  ),
  /** Requests with the same salt share cached prompts. Without a salt, requests with the same API key do. */
  cache_salt: z.string().min(1).max(256).nullish(),
  verbosity: noEffect(z.enum(['low', 'medium', 'high']).nullish()),
  length_penalty: noEffect(z.number().nullish()),
  early_stopping: noEffect(z.union([z.boolean(), z.string()]).nullish()),
  spaces_between_special_tokens: noEffect(z.boolean().nullish()),
  guided_decoding_backend: noEffect(z.string().nullish()),
  expertgrid: z
    .strictObject({
      digests: z.boolean().nullish(),
      routes: z.boolean().nullish().describe('Return the experts of each token.'),
      degrade: z
        .enum(['none', ...rungs])
        .nullish()
        .describe(
          "Worst rung of the degradation ladder that may stand in for an expert. Default: the gateway's.",
        ),
      ...expertSettings.shape,
      expert_capacity: decimal(0.001, 100_000)
        .nullish()
        .describe(
          'Each expert of a layer takes at most ceil(prompt tokens * k / experts * expert_capacity) rows of the prompt. Later rows ' +
            'do without it. Default: no limit.',
        ),
    })
    .nullish(),
};

const common = z.strictObject(commonFields);
export type CommonRequest = z.infer<typeof common>;
