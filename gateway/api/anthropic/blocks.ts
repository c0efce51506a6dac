// The messages of an Anthropic request as zod schemas. Their content blocks are those that clients write, and those of earlier
// answers, which clients send back.
import { z } from 'zod';
import { noEffect } from '../requests/fields/no-effect.ts';
import { anyTool, cacheControl } from './tools.ts';

/** Citations in an earlier answer have no effect. `enabled: false` asks for no citations. */
const citations = noEffect(
  z.union([z.array(z.looseObject({})), z.strictObject({ enabled: z.literal(false).nullish() })]).nullish(),
  'citations',
);

export const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  citations,
  cache_control: cacheControl,
});

/** `enabled: true` is refused, because this server does not cite documents. */
const noCitations = noEffect(z.strictObject({ enabled: z.literal(false).nullish() }).nullish(), 'citations');

const documentBlock = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('text'),
      media_type: z.literal('text/plain').nullish(),
      data: z.string(),
    }),
    z.strictObject({ type: z.literal('content'), content: z.union([z.string(), z.array(textBlock)]) }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  citations: noCitations,
  cache_control: cacheControl,
});

const searchResult = z.strictObject({
  type: z.literal('search_result'),
  source: z.string(),
  title: z.string(),
  content: z.array(textBlock),
  citations: noCitations,
  cache_control: cacheControl,
});

/** A tool that a tool search has found. The model gets only its name, because all tools are offered from the start. */
const toolReference = z.strictObject({
  type: z.literal('tool_reference'),
  tool_name: z.string(),
  cache_control: cacheControl,
});

const resultBlock = z.discriminatedUnion('type', [textBlock, documentBlock, searchResult, toolReference]);

const toolResult = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string().min(1),
  content: z.union([z.string(), z.array(resultBlock)]).nullish(),
  is_error: z.boolean().nullish(),
  toolset_name: noEffect(z.string().nullish(), 'toolset_name'),
  cache_control: cacheControl,
});

/** Whether the model or a program made an earlier call. This has no effect. */
const caller = z
  .union([
    z.strictObject({ type: z.literal('direct') }),
    noEffect(z.looseObject({ type: z.string() }), 'caller'),
  ])
  .nullish();

const call = {
  id: z.string().min(1),
  name: z.string().min(1),
  /** An object, unless the answer was cut off within the call. */
  input: z.unknown(),
  caller,
  cache_control: cacheControl,
};

const toolUse = z.strictObject({
  type: z.literal('tool_use'),
  ...call,
  toolset_name: noEffect(z.string().nullish(), 'toolset_name'),
});

/** Calls of tools that another server ran, and their results, in the form in which that server answered. */
const serverToolUse = z.strictObject({ type: z.literal('server_tool_use'), ...call });
const mcpToolUse = z.strictObject({
  type: z.literal('mcp_tool_use'),
  ...call,
  server_name: z.string().nullish(),
});
const serverToolResult = z.looseObject({
  type: z.enum([
    'web_search_tool_result',
    'web_fetch_tool_result',
    'code_execution_tool_result',
    'bash_code_execution_tool_result',
    'text_editor_code_execution_tool_result',
    'tool_search_tool_result',
    'advisor_tool_result',
    'mcp_tool_result',
  ]),
  tool_use_id: z.string().min(1),
  content: z.unknown(),
  is_error: z.boolean().nullish(),
});

const thinking = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  /** Empty in answers of this server. Signatures by other servers are not checked. */
  signature: z.string().nullish(),
});

const ignored = <Type extends string>(type: Type) => noEffect(z.looseObject({ type: z.literal(type) }), type);
/** Encrypted thinking, which only the server that made it can read. */
const redactedThinking = ignored('redacted_thinking');
/** Marks the place at which another model continued the answer. */
const fallback = ignored('fallback');

/** A summary in place of earlier turns. */
const compaction = z.looseObject({ type: z.literal('compaction'), content: z.string().nullish() });

const userBlock = z.discriminatedUnion('type', [textBlock, toolResult, documentBlock, searchResult]);
const assistantBlock = z.discriminatedUnion('type', [
  textBlock,
  toolUse,
  thinking,
  redactedThinking,
  serverToolUse,
  mcpToolUse,
  serverToolResult,
  compaction,
  fallback,
]);

const toolName = z.strictObject({ type: z.literal('tool_reference'), name: z.string().min(1) });
const systemBlock = z.discriminatedUnion('type', [
  textBlock,
  z.strictObject({
    type: z.literal('tool_addition'),
    tool: z.discriminatedUnion('type', [
      toolName,
      z.strictObject({ type: z.literal('tool_definition'), definition: anyTool }),
    ]),
    cache_control: cacheControl,
  }),
  z.strictObject({ type: z.literal('tool_removal'), tool: toolName, cache_control: cacheControl }),
]);

const user = z.strictObject({
  role: z.literal('user'),
  content: z.union([z.string(), z.array(userBlock).min(1)]),
});

/** The content may be empty: a model may end its answer at once, and clients send the answer back unchanged. */
const assistant = z.strictObject({
  role: z.literal('assistant'),
  content: z.union([z.string(), z.array(assistantBlock)]),
});

export const effort = z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish();

const system = z.strictObject({
  role: z.literal('system'),
  content: z.union([z.string(), z.array(systemBlock)]).nullish(),
  clear_at: z
    .enum(['next_user_message', 'never'])
    .nullish()
    .describe('`next_user_message`: the message is left out if a message of the user follows.'),
  output_config: z
    .strictObject({ effort })
    .nullish()
    .describe('Replaces the request’s own `output_config` for the turn that follows.'),
});

export const message = z.discriminatedUnion('role', [user, assistant, system]);
export type Message = z.infer<typeof message>;
export type UserMessage = z.infer<typeof user>;
export type AssistantMessage = z.infer<typeof assistant>;
export type SystemMessage = z.infer<typeof system>;
export type ResultBlock = z.infer<typeof resultBlock>;
