// The messages of a chat as clients send them: a zod schema, and a check of the fields that each role may have. Clients may send
// back the message of an answer unchanged, whether it came from OpenAI, vLLM, OpenRouter, LiteLLM or this server.
import { z } from 'zod';
import { noEffect } from './no-effect.ts';
import { refused } from './refused.ts';

/** Cache hints have no effect: prompts are always cached, and a hint does not keep a prompt in the cache longer. */
const cacheHints = {
  cache_control: noEffect(z.record(z.string(), z.unknown()).optional()),
  copilot_cache_control: noEffect(z.record(z.string(), z.unknown()).optional()),
  prompt_cache_breakpoint: noEffect(z.record(z.string(), z.unknown()).optional()),
};

/** Fields that other servers and clients add to a part of a message. */
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

/** The form in which Anthropic and Mistral write an assistant's thinking. */
const thinkingPart = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.union([z.string(), z.array(z.strictObject({ type: z.literal('text'), text: z.string() }))]),
  signature: noEffect(z.string().optional()),
  closed: noEffect(z.boolean().optional()),
  ...cacheHints,
});

/** Signatures and similar data. Only the provider that made such data can use it. */
const ofProvider = {
  provider_specific_fields: noEffect(z.unknown().optional()),
  extra_content: noEffect(z.unknown().optional()),
};

const sentFunction = z.strictObject({ name: z.string().min(1), arguments: z.string() });

const sentCall = z.strictObject({
  id: z.string(),
  type: z.literal('function').optional(),
  /** Some clients keep the index that the call had in the stream. */
  index: noEffect(z.int().optional()),
  function: z.strictObject({
    ...sentFunction.shape,
    /** OpenAI's client adds the arguments in parsed form. */
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
    .describe('Only a message of an assistant that calls tools, thinks or refuses may omit it.'),
  name: z
    .string()
    .nullish()
    .describe(
      'Name of the speaker, which the template may show; in a function message, name of the function.',
    ),
  tool_calls: z.array(sentCall).nullish().describe('Assistant messages: its calls.'),
  tool_call_id: z.string().nullish().describe('Tool messages: id of the call whose result this is.'),
  function_call: sentFunction
    .nullish()
    .describe('Assistant messages: its call, in the format that preceded tools.'),
  reasoning_content: z
    .string()
    .nullish()
    .describe('Assistant messages: what it thought. Most templates omit it for earlier turns.'),
  reasoning: z.string().nullish().describe("vLLM's and OpenRouter's name of `reasoning_content`."),
  refusal: z.string().nullish().describe('Assistant messages: the text with which it refused.'),
  audio: refused(),
  images: refused([]),
  prefix: z
    .boolean()
    .nullish()
    .describe('True in a final message of the assistant: the answer continues this message.'),
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
export type ChatMessage = z.infer<typeof fields>;

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

interface MessageFault {
  field: [keyof ChatMessage, ...(string | number)[]];
  problem: string;
  code: string;
}

function messageFault({ role, ...value }: ChatMessage): MessageFault | undefined {
  const calls = (value.tool_calls ?? []).length > 0;
  const given = { ...value, tool_calls: calls ? value.tool_calls : undefined };
  for (const [field, owner] of Object.entries(ownFields) as [keyof typeof ownFields, string][]) {
    if ((given[field] ?? undefined) === undefined || role === owner) continue;
    return misplaced(field, role, owner);
  }
  const missing = (field: keyof ChatMessage): MessageFault => {
    const problem = `Missing required parameter: a message with the role '${role}' needs '${field}'.`;
    return { field: [field], problem, code: 'missing_required_parameter' };
  };
  const { content, reasoning_content: thought, reasoning, refusal, function_call } = given;
  const saysSomething = [content, thought, reasoning, refusal, function_call].some(
    (one) => (one ?? undefined) !== undefined,
  );
  if (role === 'assistant' ? !saysSomething && !calls : (content ?? undefined) === undefined)
    return missing('content');
  if (role === 'tool' && typeof given.tool_call_id !== 'string') return missing('tool_call_id');
  if (role === 'function' && typeof given.name !== 'string') return missing('name');
  if (typeof thought === 'string' && typeof reasoning === 'string' && thought !== reasoning) {
    const problem = "'reasoning' is another name of 'reasoning_content', but the two differ.";
    return { field: ['reasoning'], problem, code: 'invalid_parameter_combination' };
  }
  return role === 'assistant' || !Array.isArray(content) ? undefined : partFault(content, role);
}

/** Checks the parts of a message that is not an assistant's: each must be a text, and only a tool message may have no parts. */
function partFault(
  parts: Exclude<ChatMessage['content'], string | null | undefined>,
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
    : { ...misplaced(type, role, 'assistant'), field: ['content', at, 'type'] };
}

function misplaced(field: string, role: string, owner: string): MessageFault {
  const problem = `Invalid message: '${field}' belongs to messages with the role '${owner}', but this message has the role '${role}'.`;
  return { field: [field as keyof ChatMessage], problem, code: 'invalid_value' };
}
