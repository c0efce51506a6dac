// What POST /v1/messages and /v1/messages/count_tokens accept, as zod schemas, and the fields of Anthropic's that are refused by
// name. Knows no chat.
import { z } from 'zod';
import { extraFields } from '../extra-fields.ts';
import { commonFields, integer, LARGEST_INT32 } from '../schema-fields.ts';
import { cacheControl, message, textBlock } from './blocks.ts';

const { model, stream, top_p } = commonFields;

const tool = z.strictObject({
  type: z.literal('custom').nullish(),
  name: z.string().min(1),
  description: z.string().nullish(),
  input_schema: z.record(z.string(), z.unknown()).describe('JSON Schema of the input.'),
  strict: z.boolean().nullish(),
  /** Inputs are streamed as they come, whatever it says. */
  eager_input_streaming: z.boolean().nullish(),
  cache_control: cacheControl,
});

const disable_parallel_tool_use = z.boolean().nullish();
const toolChoice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('auto'), disable_parallel_tool_use }),
  z.strictObject({ type: z.literal('any'), disable_parallel_tool_use }),
  z.strictObject({ type: z.literal('tool'), name: z.string().min(1), disable_parallel_tool_use }),
  z.strictObject({ type: z.literal('none') }),
]);

const thinking = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('enabled'),
    budget_tokens: integer(1, LARGEST_INT32),
    display: z.literal('summarized').nullish(),
  }),
  z.strictObject({ type: z.literal('adaptive'), display: z.literal('summarized').nullish() }),
  z.strictObject({ type: z.literal('disabled') }),
]);

/** What becomes the prompt. */
const promptFields = {
  model,
  messages: z.array(message).min(1).describe('Turns of user and assistant; the last one is of the user.'),
  system: z
    .union([z.string(), z.array(textBlock)])
    .nullish()
    .describe('A system message before them.'),
  tools: z.array(tool).max(128).nullish().describe('What the model may call.'),
  tool_choice: toolChoice.nullish(),
  thinking: thinking
    .nullish()
    .describe(
      'Of models that think: at most `budget_tokens`, as long as they like (adaptive), or not at all.',
    ),
  output_config: z
    .strictObject({
      format: z
        .strictObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) })
        .nullish()
        .describe('JSON of a schema.'),
    })
    .nullish(),
  cache_control: cacheControl,
};

export const messagesSchema = z.strictObject({
  ...promptFields,
  max_tokens: integer(1, LARGEST_INT32).describe(
    'Tokens of the answer, at most, and at most what the context has room for.',
  ),
  stop_sequences: z
    .array(z.string().min(1).max(512))
    .max(16)
    .nullish()
    .describe('Strings that end the answer and are not part of it.'),
  temperature: z
    .number()
    .min(0, 'decimal')
    .max(1, 'decimal')
    .nullish()
    .describe('0 takes the likeliest token always. Default 1.'),
  top_p,
  top_k: integer(0, LARGEST_INT32).nullish().describe('Keep this many of the likeliest tokens; 0 keeps all.'),
  stream,
  metadata: z
    .strictObject({ user_id: z.string().nullish() })
    .nullish()
    .describe('`user_id` keeps its version behind a name that stands for several models.'),
  service_tier: z.enum(['auto', 'standard_only']).nullish(),
  ...extraFields,
});
export type MessagesRequest = z.infer<typeof messagesSchema>;

export const countSchema = z.strictObject(promptFields);
export type CountRequest = z.infer<typeof countSchema>;

/** Known fields that are not supported, each with the values that ask for nothing (JSON text). */
export const unsupportedMessagesFields: Record<string, readonly string[]> = {
  container: [],
  context_management: [],
  mcp_servers: ['[]'],
  inference_geo: [],
  speed: ['"standard"'],
  diagnostics: [],
  betas: [],
};
