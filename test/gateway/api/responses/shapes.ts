// The published shapes of OpenAI's Responses API (platform.openai.com/docs/api-reference/responses and responses-streaming) as strict
// schemas, which refuse other fields. Fields that this server adds are marked.
import { z } from 'zod';

const count = z.int().min(0);
const text = z.string();
const status = z.enum(['in_progress', 'completed', 'incomplete']);

const alternative = { token: text, logprob: z.number().max(0) };
const entry = { ...alternative, bytes: z.array(z.int()) };
const logprobs = z.array(z.strictObject({ ...entry, top_logprobs: z.array(z.strictObject(entry)) }));
const deltaLogprobs = z.array(
  z.strictObject({ ...alternative, top_logprobs: z.array(z.strictObject(alternative)) }),
);

const outputText = z.strictObject({
  type: z.literal('output_text'),
  text,
  annotations: z.array(z.never()),
  logprobs,
});
const reasoningText = z.strictObject({ type: z.literal('reasoning_text'), text });
const part = z.discriminatedUnion('type', [outputText, reasoningText]);

const item = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('message'),
    id: text.startsWith('msg_'),
    status,
    role: z.literal('assistant'),
    content: z.array(outputText),
  }),
  z.strictObject({
    type: z.literal('function_call'),
    id: text.startsWith('fc_'),
    status,
    call_id: text.min(1),
    name: text.min(1),
    namespace: text.min(1).optional(),
    arguments: text,
  }),
  z.strictObject({
    type: z.literal('custom_tool_call'),
    id: text.startsWith('ctc_'),
    status,
    call_id: text.min(1),
    name: text.min(1),
    namespace: text.min(1).optional(),
    input: text,
  }),
  z.strictObject({
    type: z.literal('reasoning'),
    id: text.startsWith('rs_'),
    status,
    summary: z.array(z.strictObject({ type: z.literal('summary_text'), text })),
    content: z.array(reasoningText),
    encrypted_content: z.null(),
  }),
]);

const functionTool = z.looseObject({
  type: z.literal('function'),
  name: text,
  description: text.nullable(),
  parameters: z.record(text, z.unknown()).nullable(),
  strict: z.boolean().nullable(),
});
const tool = z.discriminatedUnion('type', [
  functionTool,
  z.looseObject({ type: z.literal('custom'), name: text }),
  z.looseObject({ type: z.literal('namespace'), name: text }),
]);

const usage = z.strictObject({
  input_tokens: count,
  input_tokens_details: z.strictObject({ cached_tokens: count, cache_write_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.strictObject({ reasoning_tokens: count }),
  total_tokens: count,
});

export const response = z
  .strictObject({
    id: text.startsWith('resp_'),
    object: z.literal('response'),
    access_programs: z.null(),
    created_at: count,
    completed_at: count.nullable(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
    background: z.literal(false),
    error: z
      .strictObject({
        code: z.enum(['server_error', 'rate_limit_exceeded', 'invalid_prompt']),
        message: text,
      })
      .nullable(),
    incomplete_details: z
      .strictObject({ reason: z.enum(['max_output_tokens', 'content_filter']) })
      .nullable(),
    instructions: text.nullable(),
    max_output_tokens: count.nullable(),
    max_tool_calls: count.nullable(),
    metadata: z.record(text, text),
    model: text,
    output: z.array(item),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.null(),
    prompt_cache_key: text.nullable(),
    reasoning: z.strictObject({ effort: text.nullable(), summary: z.null() }),
    safety_identifier: text.nullable(),
    service_tier: z.literal('default'),
    store: z.literal(false),
    temperature: z.number(),
    text: z.strictObject({
      format: z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) }),
      verbosity: z.enum(['low', 'medium', 'high']),
    }),
    tool_choice: z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: text })]),
    tools: z.array(tool),
    top_logprobs: count,
    top_p: z.number(),
    truncation: z.enum(['auto', 'disabled']),
    usage: usage.nullable(),
    user: text.nullable(),
    /** Added by this server. */
    expertgrid: z.strictObject({
      seed: z.int(),
      degraded_hops: z.record(text, count).optional(),
      schema_notes: z.array(text).min(1).max(20).optional(),
    }),
  })
  .refine(({ status, usage, error, incomplete_details: why }) => {
    const ended = status === 'completed' || status === 'incomplete';
    return (
      ended === (usage !== null) &&
      (status === 'failed') === (error !== null) &&
      (status === 'incomplete') === (why !== null)
    );
  }, 'status, usage, error and incomplete_details disagree');

const at = { sequence_number: count, item_id: text, output_index: count };
const within = { ...at, content_index: count };
const ofItem = { sequence_number: count, output_index: count, item };
const ofResponse = { sequence_number: count, response };

export const event = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('response.created'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.in_progress'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.completed'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.incomplete'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.failed'), ...ofResponse }),
  z.strictObject({ type: z.literal('response.output_item.added'), ...ofItem }),
  z.strictObject({ type: z.literal('response.output_item.done'), ...ofItem }),
  z.strictObject({ type: z.literal('response.content_part.added'), ...within, part }),
  z.strictObject({ type: z.literal('response.content_part.done'), ...within, part }),
  z.strictObject({
    type: z.literal('response.output_text.delta'),
    ...within,
    delta: text,
    logprobs: deltaLogprobs,
  }),
  z.strictObject({ type: z.literal('response.output_text.done'), ...within, text, logprobs: deltaLogprobs }),
  z.strictObject({ type: z.literal('response.reasoning_text.delta'), ...within, delta: text.min(1) }),
  z.strictObject({ type: z.literal('response.reasoning_text.done'), ...within, text }),
  z.strictObject({
    type: z.literal('response.function_call_arguments.delta'),
    ...at,
    delta: text.min(1),
  }),
  z.strictObject({ type: z.literal('response.function_call_arguments.done'), ...at, arguments: text }),
  z.strictObject({
    type: z.literal('response.custom_tool_call_input.delta'),
    ...at,
    delta: text.min(1),
  }),
  z.strictObject({ type: z.literal('response.custom_tool_call_input.done'), ...at, input: text }),
  z.strictObject({
    type: z.literal('error'),
    sequence_number: count,
    code: text.nullable(),
    message: text,
    param: text.nullable(),
  }),
]);

export const counted = z.strictObject({ object: z.literal('response.input_tokens'), input_tokens: count });

export type ResponseBody = z.infer<typeof response>;
export type ResponseEventBody = z.infer<typeof event>;
