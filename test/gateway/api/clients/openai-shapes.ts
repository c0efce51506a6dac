// The published shapes of OpenAI's answers (platform.openai.com/docs/api-reference: completions, chat, models, errors) as strict
// schemas, which refuse other fields. Fields that vLLM or this server adds are marked.
import { z } from 'zod';
import * as anthropic from '../anthropic/shapes.ts';
import { errorDetails } from '../requests/error-details.ts';
import { response } from '../responses/shapes.ts';

const count = z.int().min(0);
const seconds = z.int().min(0);
/** Absent until the engine has reported it. */
const fingerprint = z.string().optional();

/** Added by vLLM: for each token of the prompt. */
const promptLogprobs = z
  .array(
    z
      .record(
        z.string().regex(/^\d+$/),
        z.strictObject({ logprob: z.number().max(0), rank: z.int().min(1), decoded_token: z.string() }),
      )
      .nullable(),
  )
  .optional();

const usage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.strictObject({ cached_tokens: count, audio_tokens: count.optional() }).optional(),
  completion_tokens_details: z.strictObject({ reasoning_tokens: count.optional() }).optional(),
  /** Added by this server. */
  degraded_hops: z.record(z.string(), count).optional(),
  dropped_expert_calls: count.optional(),
});

/** Added by this server. */
const expertgrid = z.strictObject({
  schema_notes: z.array(z.string()).min(1).max(20).optional(),
  seed: z.int().optional(),
  selection: z
    .array(
      z.strictObject({
        by: z.enum(['logprob', 'majority']),
        generated: count,
        rounds: count,
        choices: z.array(count).min(1),
        answers: z.array(z.strictObject({ answer: z.string().min(1), votes: z.int().min(1) })).optional(),
      }),
    )
    .min(1)
    .optional(),
  digests: z.array(z.unknown()).optional(),
  routes: z.array(z.unknown()).optional(),
  degraded_hops: z.record(z.string(), count).optional(),
});

/** Added by vLLM, if the request has `return_token_ids`. */
const ids = z.array(count).optional();

const logprob = z.number().max(0);

/** If the prompt is echoed, `token_logprobs` and `top_logprobs` begin with null. */
const completionLogprobs = z
  .strictObject({
    tokens: z.array(z.string()),
    token_logprobs: z.array(logprob.nullable()),
    top_logprobs: z.array(z.record(z.string(), logprob).nullable()),
    text_offset: z.array(count),
  })
  .refine(({ tokens, token_logprobs, top_logprobs, text_offset }) => {
    return [token_logprobs, top_logprobs, text_offset].every((each) => each.length === tokens.length);
  }, 'parallel arrays differ in length');

const completionChoice = z.strictObject({
  text: z.string(),
  index: count,
  logprobs: completionLogprobs.nullable(),
  finish_reason: z.enum(['stop', 'length', 'content_filter']),
  prompt_token_ids: ids,
  token_ids: ids,
  prompt_logprobs: promptLogprobs,
});

const head = { id: z.string().min(1), created: seconds, model: z.string(), system_fingerprint: fingerprint };

export const completion = z.strictObject({
  ...head,
  object: z.literal('text_completion'),
  choices: z.array(completionChoice).min(1),
  usage,
  expertgrid,
});

export const completionChunk = completion.extend({
  choices: z.array(
    completionChoice.extend({ finish_reason: completionChoice.shape.finish_reason.nullable() }),
  ),
  usage: usage.nullable().optional(),
  expertgrid: expertgrid.optional(),
});

const byte = z.int().min(0).max(255);
const token = { token: z.string(), logprob, bytes: z.array(byte).nullable() };
const chatLogprobs = z.strictObject({
  content: z
    .array(z.strictObject({ ...token, top_logprobs: z.array(z.strictObject(token)).max(20) }))
    .nullable(),
  refusal: z.null(),
});

const toolCall = z.strictObject({
  id: z.string().min(1),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
});

/** The first delta of a call has its id and the name of the tool. The following deltas have only arguments. */
const toolCallDelta = z.union([
  toolCall.extend({ index: count }),
  z.strictObject({ index: count, function: z.strictObject({ arguments: z.string() }) }),
]);

/** Added by DeepSeek and vLLM. */
const reasoning = { reasoning_content: z.string().optional() };

const chatReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call']);

export const chatCompletion = z.strictObject({
  ...head,
  object: z.literal('chat.completion'),
  choices: z
    .array(
      z.strictObject({
        index: count,
        message: z.strictObject({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.string().nullable(),
          tool_calls: z.array(toolCall).min(1).optional(),
          ...reasoning,
        }),
        logprobs: chatLogprobs.nullable(),
        finish_reason: chatReason,
        token_ids: ids,
      }),
    )
    .min(1),
  usage,
  service_tier: z.literal('default').optional(),
  prompt_token_ids: ids,
  prompt_logprobs: promptLogprobs,
  expertgrid,
});

export const chatChunk = z.strictObject({
  ...head,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.strictObject({
      index: count,
      delta: z.strictObject({
        role: z.literal('assistant').optional(),
        content: z.string().nullable().optional(),
        refusal: z.string().nullable().optional(),
        tool_calls: z.array(toolCallDelta).min(1).optional(),
        ...reasoning,
      }),
      logprobs: chatLogprobs.nullable(),
      finish_reason: chatReason.nullable(),
      token_ids: ids,
    }),
  ),
  usage: usage.nullable().optional(),
  service_tier: z.literal('default').optional(),
  prompt_token_ids: ids,
  expertgrid: expertgrid.optional(),
});

export const error = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
    /** Added by this server. */
    details: errorDetails.optional(),
  }),
});

export const model = z.strictObject({
  id: z.string().min(1),
  object: z.literal('model'),
  created: seconds,
  owned_by: z.string(),
  /** Added by vLLM. */
  root: z.string(),
  parent: z.null(),
  max_model_len: count,
  context_length: count,
  /** Added by this server: facts about a model, or the versions of an alias. */
  expertgrid: z.union([
    z.strictObject({
      ...{ layers: count, experts: count, experts_per_token: z.array(count) },
      ...{ least_experts_per_token: count, most_experts_per_token: count },
      default: z.record(z.string(), z.unknown()).optional(),
      ...{ bits: count.optional(), parameters: count.optional(), active_parameters: count.optional() },
    }),
    z.strictObject({ versions: z.record(z.string(), z.number()) }),
  ]),
});

const modelList = z.strictObject({ object: z.literal('list'), data: z.array(model) });

const shapes = new Map<string, z.ZodType>([
  ['text_completion', completion],
  ['chat.completion', chatCompletion],
  ['response', response],
  ['model', model],
  ['list', modelList],
]);
const chunkShapes = new Map<string, z.ZodType>([
  ['text_completion', completionChunk],
  ['chat.completion.chunk', chatChunk],
]);

/** Throws if an answer or error of OpenAI's or Anthropic's API does not have its published shape. Other bodies are not checked. */
export function requireShape(body: object, { chunk = false }: { chunk?: boolean } = {}): void {
  if ('type' in body) {
    (body.type === 'error' ? anthropic.error : anthropic.message).parse(body);
    return;
  }
  if ('error' in body && body.error !== null) {
    error.parse(body);
    return;
  }
  const name = 'object' in body ? String(body.object) : '';
  (chunk ? chunkShapes : shapes).get(name)?.parse(body);
}
