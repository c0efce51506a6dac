// The shapes of answers, as zod schemas that the API's description is made from. They name what clients read; answers may hold more.
// Knows no server.
import { z } from 'zod';
import { rungs } from '../../../engine/messages.ts';

const count = z.int().min(0);
const text = z.string();
const hops = z.partialRecord(z.enum(rungs), count).optional();

const usage = z.object({ prompt_tokens: count, completion_tokens: count, total_tokens: count });

/** Of both endpoints whose answers are made of choices. */
const chosen = {
  id: text,
  created: count.describe('Unix seconds.'),
  model: text,
  system_fingerprint: text.optional(),
  usage,
  expertgrid: z.object({ seed: z.int(), degraded_hops: hops }),
};

export const completionAnswer = z.object({
  ...chosen,
  object: z.literal('text_completion'),
  choices: z
    .array(
      z.object({
        index: count,
        text,
        finish_reason: z.enum(['stop', 'length']),
        logprobs: z
          .object({
            tokens: z.array(text),
            token_logprobs: z.array(z.number().nullable()),
            top_logprobs: z.array(z.record(text, z.number()).nullable()),
            text_offset: z.array(count),
          })
          .nullable(),
      }),
    )
    .min(1),
});

const toolCall = z.object({
  id: text,
  type: z.literal('function'),
  function: z.object({ name: text, arguments: text }),
});

export const chatAnswer = z.object({
  ...chosen,
  object: z.literal('chat.completion'),
  choices: z
    .array(
      z.object({
        index: count,
        message: z.object({
          role: z.literal('assistant'),
          content: text.nullable(),
          refusal: z.null(),
          reasoning_content: text.optional(),
          tool_calls: z.array(toolCall).min(1).optional(),
        }),
        finish_reason: z.enum(['stop', 'length', 'tool_calls']),
        logprobs: z.object({ content: z.array(z.object({ token: text, logprob: z.number() })) }).nullable(),
      }),
    )
    .min(1),
});

export const responseAnswer = z.object({
  id: text,
  object: z.literal('response'),
  created_at: count.describe('Unix seconds.'),
  status: z.enum(['completed', 'incomplete', 'failed']),
  error: z.object({ code: text, message: text }).nullable(),
  incomplete_details: z.object({ reason: text }).nullable(),
  model: text,
  output: z.array(z.object({ id: text, type: text })),
  usage: z.object({ input_tokens: count, output_tokens: count, total_tokens: count }).nullable(),
  expertgrid: z.object({ seed: z.int(), degraded_hops: hops }),
});

export const inputTokensAnswer = z.object({
  object: z.literal('response.input_tokens'),
  input_tokens: count,
});

export const messageAnswer = z.object({
  id: text,
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: text,
  content: z.array(z.object({ type: z.enum(['text', 'thinking', 'tool_use']) })).min(1),
  stop_reason: z.enum([
    'end_turn',
    'max_tokens',
    'stop_sequence',
    'tool_use',
    'model_context_window_exceeded',
  ]),
  stop_sequence: text.nullable(),
  usage: z.object({ input_tokens: count, output_tokens: count, cache_read_input_tokens: count }),
  expertgrid: z.object({ seed: z.int(), degraded_hops: hops }),
});

export const countAnswer = z.object({ input_tokens: count });

export const tokenizeAnswer = z.object({
  count,
  max_model_len: count,
  tokens: z.array(count),
  token_strs: z.array(text).nullable(),
});

export const detokenizeAnswer = z.object({ prompt: text });

export const tokenizerAnswer = z.object({
  tokenizer_class: text,
  bos_token: z.unknown(),
  eos_token: z.unknown(),
  chat_template: z.unknown(),
});

const model = z.object({
  id: text,
  object: z.literal('model'),
  created: count.describe('Unix seconds.'),
  owned_by: text,
  max_model_len: count.describe('Tokens of prompt and answer together, at most.'),
  context_length: count.describe('The same, as OpenRouter names it.'),
  expertgrid: z.union([
    z.object({
      layers: count,
      experts: count.describe('Of each layer.'),
      experts_per_token: z.array(count).describe('By layer.'),
      bits: count.optional().describe('Of a weight.'),
      parameters: count.optional(),
      active_parameters: count.optional().describe('Parameters that one token goes through.'),
    }),
    z.object({ versions: z.record(text, z.number()) }).describe('Of a name that stands for some models.'),
  ]),
});
const anthropicModel = z.object({
  id: text,
  type: z.literal('model'),
  display_name: text,
  created_at: z.iso.datetime({ offset: true }),
});

/** The second shape is Anthropic's, for callers that send its version header. */
export const modelAnswer = z.union([model, anthropicModel]);
export const modelsAnswer = z.union([
  z.object({ object: z.literal('list'), data: z.array(model) }),
  z.object({
    data: z.array(anthropicModel),
    has_more: z.boolean(),
    first_id: text.nullable(),
    last_id: text.nullable(),
  }),
]);

export const versionAnswer = z.object({ version: text });

export const frontAnswer = z.object({
  name: z.literal('expertgrid'),
  console: text,
  docs: text,
  openapi: text,
  models: text,
  ready: text,
});

export const healthAnswer = z.object({ status: z.literal('ok') });

export const readyAnswer = z.object({
  status: z.enum(['ready', 'not_ready', 'unknown']),
  reason: text.optional(),
  missing: z.array(z.object({ layer: count, experts: z.unknown() })).describe('Units that no shard holds.'),
  warnings: z
    .array(z.object({ what: text, message: text }))
    .optional()
    .describe('What an operator should mend though the server answers. Absent: nothing.'),
});

const fault = z.object({ param: text, code: text, message: text });
const details = z
  .object({
    fields: z.array(fault).optional().describe('Every field at fault, if more than one is.'),
    error_code: text.optional(),
  })
  .optional();

export const openAiError = z.object({
  error: z.object({ message: text, type: text, param: text.nullable(), code: text.nullable(), details }),
});

/** Types by status: gateway/api/anthropic/errors.ts. */
export const anthropicError = z.object({
  type: z.literal('error'),
  error: z.object({ type: text, message: text, details }),
  request_id: text,
});
