// The fields that POST /v1/messages and /v1/messages/count_tokens accept, as zod schemas, and the fields that they refuse.
import { z } from 'zod';
import { extraFields } from '../requests/fields/extra-fields.ts';
import { noEffect } from '../requests/fields/no-effect.ts';
import { integer, LARGEST_INT32 } from '../requests/fields/numbers.ts';
import { commonFields } from '../requests/fields/schema-fields.ts';
import { effort, message, textBlock } from './blocks.ts';
import { contextManagement } from './context-management.ts';
import { anyTool, cacheControl } from './tools.ts';

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
    .describe('`omitted`: the blocks of thinking are empty.'),
  /** Has no effect, because this server does not check to which conversation thinking belongs. */
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
  .describe('The answer is JSON that satisfies a schema.');

/** Fields that become the prompt. */
const promptFields = {
  model,
  messages: z.array(message).min(1).describe('Turns of user and assistant, with system messages among them.'),
  system: z
    .union([z.string(), z.array(textBlock)])
    .nullish()
    .describe('A system message before the other messages.'),
  tools: z.array(anyTool).max(128).nullish().describe('Tools that the model may call.'),
  tool_choice: toolChoice.nullish(),
  thinking: thinking
    .nullish()
    .describe(
      'Whether a model that thinks may do so: for up to `budget_tokens`, without limit (adaptive), or not at all.',
    ),
  output_config: z
    .strictObject({
      format: outputFormat,
      effort: effort.describe('A named budget for models that think, unless `thinking` sets one.'),
      task_budget: noEffect(z.looseObject({}).nullish(), 'output_config.task_budget'),
    })
    .nullish(),
  output_format: outputFormat.describe('The older name of `output_config.format`.'),
  context_management: contextManagement.describe('Edits that clear parts of a long conversation.'),
};

/** Fields that have no effect on this server. Most of them choose a place, a price, or the use of the cache. */
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
    'Largest number of tokens in the answer. It may exceed what the context has room for.',
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
    .describe('0 always takes the most likely token. Default: that of the model, or else 1.'),
  top_p,
  top_k: integer(0, LARGEST_INT32)
    .nullish()
    .describe(
      'Keep this many of the most likely tokens. 0 keeps all. Default: that of the model, or else 0.',
    ),
  stream,
  metadata: z
    .strictObject({ user_id: z.string().nullish() })
    .nullish()
    .describe('Behind an alias, requests with the same `user_id` get the same model.'),
  diagnostics: z
    .strictObject({ previous_message_id: z.string().nullish() })
    .nullish()
    .describe('The answer says that the reason for a cache miss is not known.'),
  ...extraFields,
};

export const messagesSchema = z.strictObject({ ...promptFields, ...answerFields, ...idleFields });
export type MessagesRequest = z.infer<typeof messagesSchema>;

/** Accepts every field that /v1/messages accepts. Fields that are not part of the prompt have no effect on the count. */
export const countSchema = z.strictObject({
  ...promptFields,
  ...idleFields,
  ...Object.fromEntries(
    Object.entries(answerFields).map(([name, field]) => [name, noEffect(z.optional(field), name)]),
  ),
  compaction: noEffect(z.looseObject({}).nullish()),
});
export type CountRequest = z.infer<z.ZodObject<typeof promptFields, z.core.$strict>>;

/** Known fields that are not supported, each with the values that are accepted because they change nothing (JSON texts). */
export const unsupportedMessagesFields: Record<string, readonly string[]> = {
  container: [],
  mcp_servers: ['[]'],
  compaction: [],
  /** `refuseThread` refuses this field before all others. */
  thread: [],
};

const { compaction: _, ...unsupported } = unsupportedMessagesFields;
/** Omits `compaction`: it has no effect on a count, because the conversation is counted as it was sent. */
export const unsupportedCountFields: Record<string, readonly string[]> = unsupported;
