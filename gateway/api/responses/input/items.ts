// The items in `input` of a Responses request, as zod schemas: messages, calls and their results, reasoning. Clients may send back
// the items of an answer unchanged, even if OpenAI or vLLM wrote the answer.
import { z } from 'zod';
import { noEffect } from '../../requests/fields/no-effect.ts';
import { tool } from '../tools/schema.ts';
import { refusedItems } from './refused.ts';

const status = z.string().nullish();
const id = z.string().nullish();
const callId = z.string().min(1);

/** OpenAI's client adds fields with parsed values to the items of an answer, and sends them back. */
const ofClient = z.unknown().optional();

/** Who made the call: the model, or a program that the model wrote. The prompt contains the call in both cases. */
const caller = noEffect(z.looseObject({ type: z.enum(['direct', 'program']) }).nullish(), 'input.caller');
const created_by = noEffect(z.string().nullish(), 'input.created_by');
/** Whether the result of the call may follow after other items. */
const later = noEffect(z.boolean().nullish(), 'input.async');

const cacheBreakpoint = noEffect(
  z.looseObject({ mode: z.literal('explicit') }).nullish(),
  'input.prompt_cache_breakpoint',
);

const inputText = z.strictObject({
  type: z.literal('input_text'),
  text: z.string(),
  prompt_cache_breakpoint: cacheBreakpoint,
});

const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z
    .union([z.array(z.unknown()).max(0), noEffect(z.array(z.unknown()), 'input.content.annotations')])
    .nullish(),
  logprobs: z.unknown().optional(),
  parsed: ofClient,
});

const refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() });

const messageItem = z.strictObject({
  type: z.literal('message').optional(),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content: z.union([z.string(), z.array(z.discriminatedUnion('type', [inputText, outputText, refusal]))]),
  id,
  status,
  phase: noEffect(z.enum(['commentary', 'final_answer']).nullish(), 'input.phase'),
});

/** Fields that calls of functions and of custom tools share. */
const called = { call_id: callId, name: z.string().min(1), namespace: z.string().nullish() };
const callNotes = { id, status, caller, created_by, async: later };

const functionCall = z.strictObject({
  type: z.literal('function_call'),
  ...called,
  arguments: z.string(),
  ...callNotes,
  parsed_arguments: ofClient,
});

const customToolCall = z.strictObject({
  type: z.literal('custom_tool_call'),
  ...called,
  input: z.string(),
  ...callNotes,
});

const callOutput = {
  call_id: callId,
  output: z.union([z.string(), z.array(z.discriminatedUnion('type', [inputText, outputText]))]),
  id,
  status,
  caller,
  created_by,
  /** The next two fields repeat those of the call. */
  name: noEffect(z.string().nullish(), 'input.name'),
  namespace: noEffect(z.string().nullish(), 'input.namespace'),
};

const functionCallOutput = z.strictObject({ type: z.literal('function_call_output'), ...callOutput });
const customToolCallOutput = z.strictObject({ type: z.literal('custom_tool_call_output'), ...callOutput });

const reasoning = z.strictObject({
  type: z.literal('reasoning'),
  summary: z.array(z.strictObject({ type: z.literal('summary_text'), text: z.string() })).nullish(),
  content: z.array(z.strictObject({ type: z.enum(['reasoning_text', 'text']), text: z.string() })).nullish(),
  /** Only the server that encrypted the reasoning can read it. */
  encrypted_content: noEffect(z.string().nullish(), 'input.encrypted_content'),
  /** OpenRouter's fields for the server that made the reasoning. */
  format: noEffect(z.string().nullish(), 'input.format'),
  signature: noEffect(z.string().nullish(), 'input.signature'),
  id,
  status,
});

/** A message from one agent of Codex to another. Only OpenAI's server encrypts `encrypted_content`; here it is plain text. */
const agentMessage = z.strictObject({
  type: z.literal('agent_message'),
  author: z.string(),
  recipient: z.string(),
  content: z.array(
    z.discriminatedUnion('type', [
      inputText,
      z.strictObject({ type: z.literal('encrypted_content'), encrypted_content: z.string() }),
    ]),
  ),
  id,
});

/** Tools that are defined within the conversation. */
const additionalTools = z.strictObject({
  type: z.literal('additional_tools'),
  role: z.literal('developer').nullish(),
  tools: z.array(tool),
  id,
});

const toolSearchOutput = z.strictObject({
  type: z.literal('tool_search_output'),
  tools: z.array(tool),
  call_id: noEffect(z.string().nullish(), 'input.call_id'),
  execution: noEffect(z.string().nullish(), 'input.execution'),
  id,
  status,
  created_by,
});

const looseItem = <Type extends string, Shape extends z.core.$ZodLooseShape>(type: Type, shape: Shape) =>
  z.looseObject({ type: z.literal(type), ...shape });
const jsonObject = z.record(z.string(), z.unknown());

/** Calls of OpenAI's built-in tools, and their results. The model sees them as function calls; see built-in-calls.ts. */
const builtInCalls = [
  looseItem('local_shell_call', { id, call_id: z.string().nullish(), action: jsonObject }),
  looseItem('local_shell_call_output', { id, call_id: z.string().nullish(), output: z.string() }),
  looseItem('shell_call', { call_id: callId, action: jsonObject }),
  looseItem('shell_call_output', { call_id: callId, output: z.union([z.string(), z.array(z.unknown())]) }),
  looseItem('apply_patch_call', { call_id: callId, operation: jsonObject }),
  looseItem('apply_patch_call_output', { call_id: callId, status, output: z.string().nullish() }),
  looseItem('mcp_call', {
    id: callId,
    server_label: z.string(),
    name: z.string(),
    arguments: z.string(),
    output: z.string().nullish(),
    error: z.unknown().optional(),
  }),
  looseItem('code_interpreter_call', {
    id: callId,
    code: z.string().nullish(),
    outputs: z.array(z.looseObject({ type: z.string() })).nullish(),
  }),
  looseItem('file_search_call', {
    id: callId,
    queries: z.array(z.string()),
    results: z.array(z.looseObject({})).nullish(),
  }),
] as const;

/** Items that are left out of the prompt. None of them contains a result that the model could use. */
const leftOut = (
  [
    'image_generation_call',
    'mcp_approval_request',
    'mcp_list_tools',
    'tool_search_call',
    'web_search_call',
  ] as const
).map((type) => noEffect(looseItem(type, {}), `input.${type}`));

const ownItem = z.discriminatedUnion('type', [
  messageItem,
  functionCall,
  functionCallOutput,
  customToolCall,
  customToolCallOutput,
  reasoning,
  agentMessage,
  additionalTools,
  toolSearchOutput,
]);

export const inputItem = z.discriminatedUnion('type', [
  ...ownItem.options,
  ...builtInCalls,
  ...leftOut,
  ...refusedItems,
]);
/** All items except those that are refused. */
export type InputItem = z.infer<typeof ownItem> | BuiltInCall | z.infer<(typeof leftOut)[number]>;
export type MessageItem = z.infer<typeof messageItem>;
export type BuiltInCall = z.infer<(typeof builtInCalls)[number]>;
