// The fields that /v1/completions and /v1/chat/completions accept, as zod schemas, and the fields that they refuse.
import { z } from 'zod';
import { reasoningEfforts } from '../../text/thinking.ts';
import { message } from './message-schema.ts';
import { noEffect } from './no-effect.ts';
import { integer, LARGEST_INT32 } from './numbers.ts';
import { refused } from './refused.ts';
import { commonFields } from './schema-fields.ts';
import { toolFields } from './tool-schema.ts';

/** A text or token ids. */
export type Prompt = string | number[];

const promptForms = {
  anyOf: [
    { type: 'string' },
    { type: 'array', minItems: 1, items: { type: 'string' } },
    { type: 'array', minItems: 1, items: { type: 'integer', minimum: 0 } },
    {
      type: 'array',
      minItems: 1,
      items: { type: 'array', minItems: 1, items: { type: 'integer', minimum: 0 } },
    },
  ],
};

/** Stops at the first fault, because a union of schemas would collect an issue for each of a million ids. */
const prompt = z
  .unknown()
  .transform((value, context): Prompt[] => {
    const fault = promptFault(value);
    const isOne = typeof value === 'string' || (Array.isArray(value) && typeof value[0] === 'number');
    if (fault === undefined) return isOne ? [value as Prompt] : (value as Prompt[]);
    context.issues.push({ code: 'custom', input: value, ...fault });
    return z.NEVER;
  })
  .meta(promptForms);

export const completionSchema = z.strictObject({
  ...commonFields,
  prompt,
  max_tokens: integer(0, LARGEST_INT32)
    .nullish()
    .describe('Largest number of tokens in the answer. Default 16; 0 only with `echo`.'),
  max_completion_tokens: integer(0, LARGEST_INT32)
    .nullish()
    .describe('Another name of `max_tokens`. If both are given they must be equal.'),
  echo: z
    .boolean()
    .nullish()
    .describe(
      'Return the prompt before the answer, with its log-probabilities if `logprobs` is set. Default false.',
    ),
  add_special_tokens: z
    .boolean()
    .nullish()
    .describe('Add the special tokens with which the tokenizer begins a text. Default true.'),
  suffix: z
    .string()
    .nullish()
    .describe('Refused with an error unless it is empty, because no model here can fill a gap.'),
  logprobs: integer(0, 20)
    .nullish()
    .describe('Return the log-probability of each token, with this many of the most likely tokens.'),
});
export type CompletionRequest = z.infer<typeof completionSchema>;

export const chatSchema = z.strictObject({
  ...commonFields,
  ...toolFields,
  messages: z.array(message).min(1),
  max_completion_tokens: integer(1, LARGEST_INT32)
    .nullish()
    .describe('The newer name of `max_tokens`. If both are given they must be equal.'),
  prediction: noEffect(
    z
      .strictObject({
        type: z.literal('content'),
        content: z.union([
          z.string(),
          z.array(
            z.strictObject({
              type: z.literal('text'),
              text: z.string(),
              prompt_cache_breakpoint: z.record(z.string(), z.unknown()).nullish(),
            }),
          ),
        ]),
      })
      .nullish(),
  ).describe('No effect: a prediction of the answer.'),
  logprobs: z.boolean().nullish().describe('Return the log-probability of each token. Default false.'),
  top_logprobs: integer(0, 20)
    .nullish()
    .describe('With `logprobs`: also return this many of the most likely tokens. Default 0.'),
  echo: refused(false).describe('Only for completions.'),
  add_special_tokens: refused(false).describe('Refused because the chat template writes all special tokens.'),
  documents: z
    .array(z.record(z.string(), z.unknown()))
    .nullish()
    .describe('Documents for the chat template. Refused if the template does not show them.'),
  chat_template_kwargs: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe('Further variables of the chat template.'),
  add_generation_prompt: z
    .boolean()
    .nullish()
    .describe(
      "False: the prompt ends with the conversation and does not begin the assistant's turn. Default true.",
    ),
  continue_final_message: z
    .boolean()
    .nullish()
    .describe('The answer continues the final message, which must be of the assistant. Default false.'),
  enable_thinking: z
    .boolean()
    .nullish()
    .describe('False: the model answers without thinking. True: the template is told to let it think.'),
  reasoning_effort: z
    .enum(reasoningEfforts)
    .nullish()
    .describe('How long a model that thinks may think, as a named budget of tokens.'),
  max_thinking_tokens: integer(0, LARGEST_INT32)
    .nullish()
    .describe('Largest number of tokens for thinking. Overrides `reasoning_effort`.'),
});
export type ChatRequest = z.infer<typeof chatSchema>;

/** Known fields that are refused, because they would change the answer. Each lists values that are accepted anyway (JSON texts). */
export const unsupportedFields: Record<string, readonly string[]> = {
  functions: ['[]'],
  function_call: ['"none"'],
  modalities: ['["text"]'],
  audio: [],
  moderation: [],
  web_search_options: [],
  use_beam_search: ['false'],
  bad_words: ['[]'],
  chat_template: [],
  logits_processors: ['[]'],
  include_reasoning: ['true'],
  thinking_token_budget: [],
  return_tokens_as_token_ids: ['false'],
  prompt_embeds: ['[]'],
  mm_processor_kwargs: ['{}'],
  media_io_kwargs: ['{}'],
  guided_whitespace_pattern: [],
  structural_tag: [],
  kv_transfer_params: ['{}'],
  vllm_xargs: ['{}'],
};

interface PromptFault {
  message: string;
  path: (string | number)[];
  params: { code: string };
}

function promptFault(value: unknown): PromptFault | undefined {
  if (typeof value === 'string') return undefined;
  if (value === undefined || value === null) return fault([], 'missing_required_parameter');
  if (!Array.isArray(value)) return fault([], 'invalid_type');
  if (value.length === 0) return fault([], 'empty_array');
  if (typeof value[0] === 'number') return idsFault(value, []);
  if (typeof value[0] === 'string') {
    const at = value.findIndex((item) => typeof item !== 'string');
    return at < 0 ? undefined : fault([at], 'invalid_type');
  }
  for (const [i, item] of value.entries()) {
    if (!Array.isArray(item)) return fault([i], 'invalid_type');
    const found = item.length === 0 ? fault([i], 'empty_array') : idsFault(item, [i]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function idsFault(ids: readonly unknown[], path: number[]): PromptFault | undefined {
  const at = ids.findIndex(
    (id) => typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > LARGEST_INT32,
  );
  return at < 0 ? undefined : fault([...path, at], 'invalid_type');
}

function fault(
  path: number[],
  code: 'missing_required_parameter' | 'invalid_type' | 'empty_array',
): PromptFault {
  const name = parameterName(['prompt', ...path]);
  const message = {
    missing_required_parameter: `Missing required parameter: '${name}'.`,
    invalid_type: `Invalid type for '${name}': expected a string, an array of strings, an array of token ids, or an array of arrays of token ids.`,
    empty_array: `Invalid '${name}': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
  }[code];
  return { message, path, params: { code } };
}

/** Largest length of a key in an error. Longer keys are cut. */
const LONGEST_KEY = 200;

/** A path as OpenAI writes it, such as messages[0].content[1].type. */
export function parameterName(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => {
      if (typeof key === 'number') return `[${key}]`;
      return `${i === 0 ? '' : '.'}${String(key).slice(0, LONGEST_KEY)}`;
    })
    .join('');
}
