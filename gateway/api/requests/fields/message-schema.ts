// The messages of a chat as callers send them: a zod schema, and what each role may carry. An answer's message may be sent back
// as it came, from OpenAI, vLLM, OpenRouter, LiteLLM or this server. Knows no template.
import { z } from 'zod';
import { noEffect } from './no-effect.ts';
import { refused } from './refused.ts';

/** Prompts are cached without being asked; nothing is cached longer for it. */
const cacheHints = {
  cache_control: noEffect(z.record(z.string(), z.unknown()).optional()),
  copilot_cache_control: noEffect(z.record(z.string(), z.unknown()).optional()),
  prompt_cache_breakpoint: noEffect(z.record(z.string(), z.unknown()).optional()),
};

/** What answers, and the clients that read them, write beside a text. */
const partNotes = {
  ...cacheHints,
  role: noEffect(z.string().optional()),
  id: noEffect(z.string().optional()),
  annotations: noEffect(z.array(z.unknown()).optional()),
  logprobs: noEffect(z.unknown().optional()),
  parsed: noEffect(z.unknown().optional()),
};

const textPart = z.strictObject({ type: z.literal('text'), text: z.string(), ...partNotes });
const refusalPart = z.strictObject({ type: z.literal('refusal'), refusal: z.string(), ...partNotes });

/** Anthropic's and Mistral's way of writing what an assistant thought. */
const thinkingPart = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.union([z.string(), z.array(z.strictObject({ type: z.literal('text'), text: z.string() }))]),
  signature: noEffect(z.string().optional()),
  closed: noEffect(z.boolean().optional()),
  ...cacheHints,
});

/** Signatures and the like, which mean something to the provider that made them. */
const ofProvider = {
  provider_specific_fields: noEffect(z.unknown().optional()),
  extra_content: noEffect(z.unknown().optional()),
};

const sentFunction = z.strictObject({ name: z.string().min(1), arguments: z.string() });

const sentCall = z.strictObject({
  id: z.string(),
  type: z.literal('function').optional(),
  /** Some clients leave a delta's index in. */
  index: noEffect(z.int().optional()),
  function: z.strictObject({
    ...sentFunction.shape,
    /** OpenAI's client adds what it has parsed. */
    parsed_arguments: noEffect(z.unknown().optional()),
    ...ofProvider,
  }),
  ...ofProvider,
});

const fields = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z
    .union([z.string(), z.array(z.discriminatedUnion('type', [textPart, refusalPart, thinkingPart]))])
    .nullish()
    .describe('Only of an assistant that calls tools, thinks or refuses may it be absent.'),
  name: z.string().nullish().describe('Of who speaks; the template may show it. Of a function: its name.'),
  tool_calls: z.array(sentCall).nullish().describe('Of an assistant: its calls.'),
  tool_call_id: z.string().nullish().describe('Of a tool: the call that this is the result of.'),
  function_call: sentFunction
    .nullish()
    .describe('Of an assistant: its call, as it was written before tools.'),
  reasoning_content: z
    .string()
    .nullish()
    .describe("Of an assistant: what it thought; most templates leave earlier turns' out."),
  reasoning: z.string().nullish().describe("vLLM's and OpenRouter's name of `reasoning_content`."),
  refusal: z.string().nullish().describe('Of an assistant: the text with which it refused.'),
  audio: refused(),
  images: refused([]),
  prefix: z.boolean().nullish().describe("Of the final message, an assistant's: the answer goes on with it."),
  type: noEffect(z.enum(['text', 'message']).optional()),
  id: noEffect(z.string().optional()),
  status: noEffect(z.string().optional()),
  annotations: noEffect(z.array(z.unknown()).optional()),
  parsed: noEffect(z.unknown().optional()),
  reasoning_details: noEffect(z.array(z.unknown()).optional()),
  thinking_blocks: noEffect(z.array(z.unknown()).optional()),
  ...ofProvider,
  ...cacheHints,
});
type MessageFields = z.infer<typeof fields>;

/** Fields that belong to one role. */
const ownFields = {
  tool_calls: 'assistant',
  function_call: 'assistant',
  reasoning_content: 'assistant',
  reasoning: 'assistant',
  refusal: 'assistant',
  tool_call_id: 'tool',
} as const;

export const message = fields.superRefine((value, context) => {
  const fault = messageFault(value);
  if (fault === undefined) return;
  const { field, problem, code } = fault;
  context.addIssue({ code: 'custom', path: field, message: problem, params: { code } });
});
export type ChatMessage = MessageFields;

interface MessageFault {
  field: [keyof MessageFields, ...(string | number)[]];
  problem: string;
  code: string;
}

function messageFault({ role, ...value }: MessageFields): MessageFault | undefined {
  const calls = (value.tool_calls ?? []).length > 0;
  const given = { ...value, tool_calls: calls ? value.tool_calls : undefined };
  for (const [field, owner] of Object.entries(ownFields) as [keyof typeof ownFields, string][]) {
    if ((given[field] ?? undefined) === undefined || role === owner) continue;
    return strange(field, role, owner);
  }
  const missing = (field: keyof MessageFields): MessageFault => {
    const problem = `Missing required parameter: a message with the role '${role}' needs '${field}'.`;
    return { field: [field], problem, code: 'missing_required_parameter' };
  };
  const { content, reasoning_content: thought, reasoning, refusal, function_call } = given;
  const says = [content, thought, reasoning, refusal, function_call].some(
    (one) => (one ?? undefined) !== undefined,
  );
  if (role === 'assistant' ? !says && !calls : (content ?? undefined) === undefined)
    return missing('content');
  if (role === 'tool' && typeof given.tool_call_id !== 'string') return missing('tool_call_id');
  if (role === 'function' && typeof given.name !== 'string') return missing('name');
  if (typeof thought === 'string' && typeof reasoning === 'string' && thought !== reasoning) {
    const problem = "'reasoning' is another name of 'reasoning_content', and the two differ.";
    return { field: ['reasoning'], problem, code: 'invalid_parameter_combination' };
  }
  return role === 'assistant' || !Array.isArray(content) ? undefined : partFault(content, role);
}

/** Of the content of all but an assistant: nobody else refuses and thinks. A tool may give nothing. */
function partFault(
  parts: Exclude<MessageFields['content'], string | null | undefined>,
  role: string,
): MessageFault | undefined {
  if (parts.length === 0 && role !== 'tool') {
    const problem =
      "Invalid 'content': empty array. Expected an array with minimum length 1, but got an empty array instead.";
    return { field: ['content'], problem, code: 'empty_array' };
  }
  const at = parts.findIndex(({ type }) => type !== 'text');
  const type = parts[at]?.type;
  return type === undefined
    ? undefined
    : { ...strange(type, role, 'assistant'), field: ['content', at, 'type'] };
}

function strange(field: string, role: string, owner: string): MessageFault {
  const problem = `Invalid message: '${field}' belongs to messages with the role '${owner}', and this one's is '${role}'.`;
  return { field: [field as keyof MessageFields], problem, code: 'invalid_value' };
}
