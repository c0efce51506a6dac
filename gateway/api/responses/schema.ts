// The fields that POST /v1/responses and /v1/responses/input_tokens accept, as zod schemas, and the fields that they refuse.
import { z } from 'zod';
import { extraFields } from '../requests/fields/extra-fields.ts';
import { noEffect } from '../requests/fields/no-effect.ts';
import { integer, LARGEST_INT32 } from '../requests/fields/numbers.ts';
import { commonFields } from '../requests/fields/schema-fields.ts';
import { reasoningEfforts } from '../text/thinking.ts';
import { inputItem } from './input/items.ts';
import { refusedFields } from './input/refused.ts';
import { tool, toolChoice } from './tools/schema.ts';

const { model, temperature, top_p, top_k, stop, stream, user } = commonFields;
const { prompt_cache_key, safety_identifier, service_tier, verbosity, store } = commonFields;

const textFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: z.string().min(1),
    schema: z.record(z.string(), z.unknown()),
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
]);

const summary = z.enum(['auto', 'concise', 'detailed']).nullish();

/** Values of `include` without effect: they ask for parts that no answer has here, or that each answer has anyway. */
const includesWithoutEffect = (
  [
    'code_interpreter_call.outputs',
    'computer_call_output.output.image_url',
    'file_search_call.results',
    'message.input_image.image_url',
    'reasoning.encrypted_content',
    'web_search_call.action.sources',
    'web_search_call.results',
  ] as const
).map((value) => noEffect(z.literal(value), `include.${value}`));

export const responsesSchema = z.strictObject({
  model,
  input: z
    .union([z.string(), z.array(inputItem).min(1)])
    .describe('A text of the user, or items: messages, calls of tools and their outputs, reasoning.'),
  instructions: z.string().nullish().describe('A system message before the input.'),
  max_output_tokens: integer(1, LARGEST_INT32)
    .nullish()
    .describe('Largest number of tokens in the answer, including reasoning and calls.'),
  tools: z
    .array(tool)
    .nullish()
    .describe(
      'Functions, custom tools and namespaces of them. Tools of other types are not offered to the model.',
    ),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish().describe('Allow more than one call in an answer. Default true.'),
  text: z
    .strictObject({
      format: textFormat
        .nullish()
        .describe('Form of the text: plain text, any JSON object, or JSON that satisfies a schema.'),
      verbosity,
    })
    .nullish(),
  reasoning: z
    .strictObject({
      effort: z.enum(reasoningEfforts).nullish().describe('A named budget for models that think.'),
      summary: noEffect(summary).describe('No effect: the item contains the reasoning itself.'),
      generate_summary: noEffect(summary),
      context: z
        .union([noEffect(z.enum(['auto', 'all_turns'])), z.literal('current_turn')])
        .nullish()
        .describe('`current_turn` leaves out the reasoning before the last message of the user.'),
      mode: noEffect(z.literal('standard').nullish()),
    })
    .nullish(),
  temperature,
  top_p,
  top_k,
  stop,
  top_logprobs: integer(0, 20)
    .nullish()
    .describe(
      'With `message.output_text.logprobs` in `include`: return this many of the most likely tokens.',
    ),
  include: z
    .array(z.union([z.literal('message.output_text.logprobs'), ...includesWithoutEffect]))
    .nullish()
    .describe('Log-probabilities of the text. Reasoning is never encrypted.'),
  stream,
  stream_options: z
    .strictObject({
      include_obfuscation: noEffect(z.boolean().nullish()).describe('No effect: nothing is padded.'),
    })
    .nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish().describe('Returned with the answer.'),
  store: store.describe('No effect: nothing is stored.'),
  user,
  prompt_cache_key,
  safety_identifier,
  service_tier,
  client_metadata: noEffect(z.record(z.string(), z.unknown()).nullish()),
  image: noEffect(
    z.strictObject({ context_compression: z.enum(['auto', 'enabled', 'disabled']).nullish() }).nullish(),
  ),
  max_tool_calls: noEffect(integer(0, LARGEST_INT32).nullish()),
  prompt_cache_retention: noEffect(z.enum(['in_memory', 'in-memory', '24h']).nullish()),
  prompt_cache_options: noEffect(
    z
      .strictObject({
        comparison_response_id: z.string().nullish(),
        mode: z.enum(['implicit', 'explicit']).nullish(),
        prewarm: z.literal(false).nullish(),
        ttl: z.enum(['30m', '12h']).nullish(),
      })
      .nullish(),
  ),
  access_programs: noEffect(z.strictObject({ cyber: z.literal('standard').nullish() }).nullish()),
  truncation: z
    .enum(['auto', 'disabled'])
    .nullish()
    .describe('`auto` drops the earliest turns of a conversation that is too long for the model.'),
  ...refusedFields,
  ...extraFields,
});
export type ResponsesRequest = z.infer<typeof responsesSchema>;

/** Known fields that are not supported, each with the values that are accepted because they change nothing (JSON texts). */
export const unsupportedResponsesFields = {
  background: ['false'],
  background_options: ['{}'],
  context_management: ['[]'],
  moderation: [],
  prompt: [],
} as const satisfies Record<string, readonly string[]>;

const { input, instructions, tools, tool_choice, parallel_tool_calls, reasoning, text } =
  responsesSchema.shape;

export const inputTokensSchema = z.strictObject({
  model,
  input,
  instructions,
  tools,
  tool_choice,
  parallel_tool_calls,
  reasoning,
  text,
  truncation: noEffect(z.enum(['auto', 'disabled']).nullish()),
  personality: noEffect(z.string().max(64).nullish()),
  ...refusedFields,
});
