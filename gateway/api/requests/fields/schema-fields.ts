// The request fields that both endpoints share, as zod schemas. Their shapes and ranges live here and nowhere else; an
// OpenAPI document can be generated from them. `null` means absent throughout.
import { z } from 'zod';
import { rungs } from '../../../engine/messages.ts';
import { noEffect } from './no-effect.ts';
import { structuredFields } from './structured-schema.ts';

/** zod's message carries the noun that OpenAI's error codes use for a number. */
const decimal = (least: number, most: number) => z.number().min(least, 'decimal').max(most, 'decimal');
export const integer = (least: number, most: number) =>
  z.int('integer').min(least, 'integer').max(most, 'integer');

export const LARGEST_INT32 = 2 ** 31 - 1;
const tokenId = integer(0, LARGEST_INT32);
const stopString = z.string().max(512);
/** Stop strings of one request; each costs time at every token. */
const MOST_STOPS = 256;

/** Choices of one prompt, at most. */
export const MOST_CHOICES = 128;

const expertsPerToken = integer(1, 1024);

const samplingFields = {
  temperature: decimal(0, 2).nullish().describe('0 takes the likeliest token always. Default 1.'),
  top_p: decimal(0, 1).nullish().describe('Keep the smallest set of tokens whose probability reaches this.'),
  top_k: integer(-1, LARGEST_INT32)
    .nullish()
    .describe('Keep this many of the likeliest tokens; 0 and -1 keep all.'),
  min_p: decimal(0, 1).nullish().describe('Drop tokens less likely than this share of the likeliest one.'),
  /** Beyond 2^53 JSON numbers lose digits, so such seeds are refused. */
  seed: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    .nullish()
    .describe('The same seed gives the same answer; without one a seed is drawn, and told.'),
  presence_penalty: decimal(-2, 2)
    .nullish()
    .describe('Taken once from the logit of a token that the answer holds.'),
  frequency_penalty: decimal(-2, 2)
    .nullish()
    .describe('Taken for each time that the answer holds the token.'),
  repetition_penalty: decimal(0.01, 100)
    .nullish()
    .describe('Divides the logits of tokens of prompt and answer; 1 is off.'),
  logit_bias: z
    .record(z.string().regex(/^\d+$/), decimal(-100, 100))
    .nullish()
    .describe('Added to the logits of these token ids.'),
};

export const commonFields = {
  model: z
    .string()
    .describe(
      'Id of a model, or a name that stands for some. It may be left out if only one model is served.',
    ),
  ...samplingFields,
  n: integer(1, MOST_CHOICES).nullish().describe('Choices of each prompt; they share its computation.'),
  max_tokens: integer(1, LARGEST_INT32).nullish().describe('Tokens of the answer, at most.'),
  min_tokens: integer(0, LARGEST_INT32)
    .nullish()
    .describe('Before so many tokens no stop id comes and no stop string counts.'),
  stop: z
    .union([stopString, z.array(stopString).max(MOST_STOPS)])
    .nullish()
    .describe('Strings that end the answer and are not part of it; empty ones count as none.'),
  stop_token_ids: z.array(tokenId).max(128).nullish().describe('Token ids that end the answer.'),
  include_stop_str_in_output: z
    .boolean()
    .nullish()
    .describe('Leave the stop string that ended the answer in its text.'),
  truncate_prompt_tokens: integer(-1, LARGEST_INT32)
    .refine((most) => most !== 0, 'expected -1, or at least 1')
    .nullish()
    .describe("Keep this many of the prompt's last tokens; -1 keeps what the context has room for."),
  prompt_logprobs: integer(0, 20)
    .nullish()
    .describe("Tell the log-probability of each of the prompt's tokens, with so many of the likeliest."),
  allowed_token_ids: z
    .array(tokenId)
    .min(1)
    .nullish()
    .describe('Only these tokens may come; the end of an answer must be among them to come.'),
  skip_special_tokens: z
    .boolean()
    .nullish()
    .describe('False: special tokens stand in the text by name. Default true.'),
  ignore_eos: z.boolean().nullish().describe("Go on past the model's own end."),
  ...structuredFields,
  return_token_ids: z.boolean().nullish().describe('Report the ids of prompt and answer.'),
  priority: integer(-LARGEST_INT32, LARGEST_INT32).nullish().describe('Lower ones leave the queue first.'),
  stream: z.boolean().nullish().describe('Send the answer as server-sent events.'),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish().describe('A last chunk that holds nothing but the usage.'),
      continuous_usage_stats: z
        .boolean()
        .nullish()
        .describe('With `include_usage`: and the usage so far in each chunk.'),
      include_obfuscation: noEffect(z.boolean().nullish()).describe('Nothing is padded.'),
    })
    .nullish(),
  usage: z
    .strictObject({ include: z.boolean().nullish() })
    .nullish()
    .describe("OpenRouter's name of `stream_options.include_usage`; an answer that is whole always has it."),
  request_id: z.string().min(1).max(128).nullish().describe("The answer's id ends with it."),
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
  /** Requests find each other's prompts in the cache where their salts are equal; without one, those of one API key. */
  cache_salt: z.string().min(1).max(256).nullish(),
  verbosity: noEffect(z.enum(['low', 'medium', 'high']).nullish()),
  length_penalty: noEffect(z.number().nullish()),
  early_stopping: noEffect(z.union([z.boolean(), z.string()]).nullish()),
  spaces_between_special_tokens: noEffect(z.boolean().nullish()),
  guided_decoding_backend: noEffect(z.string().nullish()),
  expertgrid: z
    .strictObject({
      digests: z.boolean().nullish(),
      routes: z.boolean().nullish().describe("Report each token's experts."),
      degrade: z
        .enum(['none', ...rungs])
        .nullish()
        .describe("The lowest rung that may stand in for an expert; the gateway's own default where absent."),
      experts_per_token: z
        .union([expertsPerToken, z.array(expertsPerToken).min(1)])
        .nullish()
        .describe('Of every layer, or of each.'),
    })
    .nullish(),
};

const common = z.strictObject(commonFields);
export type CommonRequest = z.infer<typeof common>;
