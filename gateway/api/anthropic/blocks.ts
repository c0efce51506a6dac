// What messages of an Anthropic request may hold, as zod schemas. Knows no chat.
import { z } from 'zod';

/** Prompts are cached without being asked; nothing is cached longer for it. */
export const cacheControl = z
  .strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).nullish() })
  .nullish();

export const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  citations: z.null().optional(),
  cache_control: cacheControl,
});

const toolUse = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string().min(1),
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()),
  caller: z.strictObject({ type: z.literal('direct') }).nullish(),
  cache_control: cacheControl,
});

const toolResult = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string().min(1),
  content: z.union([z.string(), z.array(textBlock)]).nullish(),
  is_error: z.boolean().nullish(),
  cache_control: cacheControl,
});

const thinking = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  /** Ours are empty; what another made is not checked. */
  signature: z.string().nullish(),
});

const userBlock = z.discriminatedUnion('type', [textBlock, toolResult]);
const assistantBlock = z.discriminatedUnion('type', [textBlock, toolUse, thinking]);

const user = z.strictObject({
  role: z.literal('user'),
  content: z.union([z.string(), z.array(userBlock).min(1)]),
});

const assistant = z.strictObject({
  role: z.literal('assistant'),
  content: z.union([z.string(), z.array(assistantBlock).min(1)]),
});

export const message = z.discriminatedUnion('role', [user, assistant]);
export type Message = z.infer<typeof message>;
export type UserMessage = z.infer<typeof user>;
export type AssistantMessage = z.infer<typeof assistant>;
