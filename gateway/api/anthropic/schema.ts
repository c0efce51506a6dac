// What POST /v1/messages and /v1/messages/count_tokens accept, as zod schemas, and the fields of Anthropic's that are refused by
// name. Knows no chat.
import { z } from 'zod';
import { extraFields } from '../requests/fields/extra-fields.ts';
import { noEffect } from '../requests/fields/no-effect.ts';
import { integer, LARGEST_INT32 } from '../requests/fields/numbers.ts';
import { commonFields } from '../requests/fields/schema-fields.ts';
import { message, textBlock } from './blocks.ts';
import { contextManagement } from './context-management.ts';
import { cacheControl, effort } from './shared-fields.ts';
import { anyTool } from './tools.ts';

const { model, stream, top_p } = commonFields;

const disable_parallel_tool_use = z.boolean().nullish();
const toolChoice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('auto'), disable_parallel_tool_use }),
  z.strictObject({ type: z.literal('any'), disable_parallel_tool_use }),
  z.strictObject({ type: z.literal('tool'), name: z.string().min(1), disable_parallel_tool_use }),
  z.strictObject({ type: z.literal('none') }),
]);

const thinkingOptions = {
  display: z
    .union([noEffect(z.enum(['summarized', 'updates']), 'thinking.display'), z.literal('omitted')])
    .nullish()
    .describe('`omitted`: the blocks of thinking come empty.'),
  /** What happens to thinking that is of another conversation: it is not checked. */
  block_binding: noEffect(z.looseObject({}).nullish(), 'thinking.block_binding'),
};

const thinking = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('enabled'),
    budget_tokens: integer(1, LARGEST_INT32),
    ...thinkingOptions,
  }),
  z.strictObject({ type: z.literal('adaptive'), ...thinkingOptions }),
  z.strictObject({ type: z.literal('disabled') }),
]);

const outputFormat = z
  .strictObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) })
  .nullish()
  .describe('JSON of a schema.');

/** What becomes the prompt. */
const promptFields = {
  model,
  messages: z.array(message).min(1).describe('Turns of user and assistant, and system messages among them.'),
  system: z
    .union([z.string(), z.array(textBlock)])
    .nullish()
    .describe('A system message before them.'),
  tools: z.array(anyTool).max(128).nullish().describe('What the model may call.'),
  tool_choice: toolChoice.nullish(),
  thinking: thinking
    .nullish()
    .describe(
      'Of models that think: at most `budget_tokens`, as long as they like (adaptive), or not at all.',
    ),
  output_config: z
    .strictObject({
      format: outputFormat,
      effort: effort.describe('Of models that think: a budget by name, unless `thinking` sets one.'),
      task_budget: noEffect(z.looseObject({}).nullish(), 'output_config.task_budget'),
    })
    .nullish(),
  output_format: outputFormat.describe('The older name of `output_config.format`.'),
  context_management: contextManagement.describe('What is left out of a long conversation.'),
};

/** What asks for nothing that this server could do otherwise: where the request is computed, who pays, what is cached. */
export const idleFields = {
  cache_control: cacheControl,
  inference_geo: noEffect(z.string().nullish()),
  speed: noEffect(z.enum(['standard', 'fast']).nullish()),
  service_tier: noEffect(z.enum(['auto', 'standard_only']).nullish()),
  betas: noEffect(z.array(z.string()).nullish()),
  billing_policy: noEffect(z.looseObject({}).nullish()),
  fallbacks: noEffect(z.union([z.literal('default'), z.array(z.looseObject({}))]).nullish()),
  fallback_credit_token: noEffect(z.union([z.string(), z.looseObject({})]).nullish()),
  user_profile_id: noEffect(z.string().nullish()),
  workspace_id: noEffect(z.string().nullish()),
};

const answerFields = {
  max_tokens: integer(0, LARGEST_INT32).describe(
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
  diagnostics: z
    .strictObject({ previous_message_id: z.string().nullish() })
    .nullish()
    .describe('The answer says that no reason for a miss of the cache is known.'),
  ...extraFields,
};

export const messagesSchema = z.strictObject({ ...promptFields, ...answerFields, ...idleFields });
export type MessagesRequest = z.infer<typeof messagesSchema>;

/** All that a request for a message may hold: what is not of the prompt changes no count. */
export const countSchema = z.strictObject({
  ...promptFields,
  ...idleFields,
  ...Object.fromEntries(
    Object.entries(answerFields).map(([name, field]) => [name, noEffect(z.optional(field), name)]),
  ),
  compaction: noEffect(z.looseObject({}).nullish()),
});
export type CountRequest = z.infer<z.ZodObject<typeof promptFields, z.core.$strict>>;

/** Known fields that are not supported, each with the values that ask for nothing (JSON text). */
export const unsupportedMessagesFields: Record<string, readonly string[]> = {
  container: [],
  mcp_servers: ['[]'],
  compaction: [],
  /** Refused before the others, in the words of `refuseThread`. */
  thread: [],
};

const { compaction: _, ...unsupported } = unsupportedMessagesFields;
/** A count is of the conversation as it was sent, whatever an answer would make of it. */
export const unsupportedCountFields: Record<string, readonly string[]> = unsupported;
