// The request fields that both endpoints share, as zod schemas. Their shapes and ranges live here and nowhere else; an
// OpenAPI document can be generated from them. `null` means absent throughout.
import { z } from 'zod';
import { rungs } from '../engine/messages.ts';

/** zod's message carries the noun that OpenAI's error codes use for a number. */
const decimal = (least: number, most: number) => z.number().min(least, 'decimal').max(most, 'decimal');
export const integer = (least: number, most: number) =>
  z.int('integer').min(least, 'integer').max(most, 'integer');

export const LARGEST_INT32 = 2 ** 31 - 1;
const tokenId = integer(0, LARGEST_INT32);
const stopString = z.string().min(1).max(512);

const samplingFields = {
  temperature: decimal(0, 2).nullish(),
  top_p: decimal(0, 1).nullish(),
  /** 0 and -1 both keep all. */
  top_k: integer(-1, LARGEST_INT32).nullish(),
  min_p: decimal(0, 1).nullish(),
  /** Beyond 2^53 JSON numbers lose digits, so such seeds are refused. */
  seed: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).nullish(),
  presence_penalty: decimal(-2, 2).nullish(),
  frequency_penalty: decimal(-2, 2).nullish(),
  repetition_penalty: decimal(0.01, 100).nullish(),
  logit_bias: z.record(z.string().regex(/^\d+$/), decimal(-100, 100)).nullish(),
};

export const commonFields = {
  model: z.string(),
  ...samplingFields,
  max_tokens: integer(1, LARGEST_INT32).nullish(),
  stop: z.union([stopString, z.array(stopString).max(16)]).nullish(),
  stop_token_ids: z.array(tokenId).max(128).nullish(),
  ignore_eos: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish() }).nullish(),
  user: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  verbosity: z.enum(['low', 'medium', 'high']).nullish(),
  expertgrid: z
    .strictObject({
      digests: z.boolean().nullish(),
      /** Report each token's experts. */
      routes: z.boolean().nullish(),
      /** The lowest rung that may stand in for an expert; the gateway's own default where absent. */
      degrade: z.enum(['none', ...rungs]).nullish(),
    })
    .nullish(),
};

const common = z.strictObject(commonFields);
export type CommonRequest = z.infer<typeof common>;
