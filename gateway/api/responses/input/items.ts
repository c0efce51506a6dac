// The items in `input` of a Responses request, as zod schemas: messages, calls and their results, reasoning. Clients may send back
// the items of an answer unchanged, also of an answer by OpenAI or vLLM.
import { z } from 'zod';
import { noEffect } from '../../requests/fields/no-effect.ts';
import { tool } from '../tools/schema.ts';
import { refusedItems } from './refused.ts';

const status = z.string().nullish();
const id = z.string().nullish();
const callId = z.string().min(1);

/** OpenAI's client adds what it has parsed to items, and sends those back. */
const ofClient = z.unknown().optional();

/** Who made the call: the model, or a program that it wrote. The conversation contains the call in both cases. */
const caller = noEffect(z.looseObject({ type: z.enum(['direct', 'program']) }).nullish(), 'input.caller');
const created_by = noEffect(z.string().nullish(), 'input.created_by');
/** Whether the result of a call may follow later. */
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

const functionCall = z.strictObject({
  type: z.literal('function_call'),
  call_id: callId,
  name: z.string().min(1),
  namespace: z.string().nullish(),
  arguments: z.string(),
  id,
  status,
  caller,
  created_by,
  async: later,
  parsed_arguments: ofClient,
});

const customToolCall = z.strictObject({
  type: z.literal('custom_tool_call'),
  call_id: callId,
  name: z.string().min(1),
  namespace: z.string().nullish(),
  input: z.string(),
  id,
  status,
  caller,
  created_by,
  async: later,
});

/** Fields of a result that repeat the call. */
const ofCall = {
  name: noEffect(z.string().nullish(), 'input.name'),
  namespace: noEffect(z.string().nullish(), 'input.namespace'),
};

const callOutput = {
  call_id: callId,
  output: z.union([z.string(), z.array(z.discriminatedUnion('type', [inputText, outputText]))]),
  id,
  status,
  caller,
  created_by,
  ...ofCall,
};

const functionCallOutput = z.strictObject({ type: z.literal('function_call_output'), ...callOutput });
const customToolCallOutput = z.strictObject({ type: z.literal('custom_tool_call_output'), ...callOutput });

const reasoning = z.strictObject({
  type: z.literal('reasoning'),
  summary: z.array(z.strictObject({ type: z.literal('summary_text'), text: z.string() })).nullish(),
  content: z.array(z.strictObject({ type: z.enum(['reasoning_text', 'text']), text: z.string() })).nullish(),
  /** Only the server that made it can read it. */
  encrypted_content: noEffect(z.string().nullish(), 'input.encrypted_content'),
  /** OpenRouter's fields for the server that made the reasoning. */
  format: noEffect(z.string().nullish(), 'input.format'),
  signature: noEffect(z.string().nullish(), 'input.signature'),
  id,
  status,
});

/**
 * A message from one agent of Codex to another. Without a server of OpenAI between them, `encrypted_content` is the plain text
 * that the model wrote.
 */
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

/** Calls of tools that others run, which the model sees as function calls; see calls-of-others.ts. */
const callsOfOthers = [
  z.looseObject({
    type: z.literal('local_shell_call'),
    id,
    call_id: z.string().nullish(),
    action: z.record(z.string(), z.unknown()),
  }),
  z.looseObject({
    type: z.literal('local_shell_call_output'),
    id,
    call_id: z.string().nullish(),
    output: z.string(),
  }),
  z.looseObject({
    type: z.literal('shell_call'),
    call_id: callId,
    action: z.record(z.string(), z.unknown()),
  }),
  z.looseObject({
    type: z.literal('shell_call_output'),
    call_id: callId,
    output: z.union([z.string(), z.array(z.unknown())]),
  }),
  z.looseObject({
    type: z.literal('apply_patch_call'),
    call_id: callId,
    operation: z.record(z.string(), z.unknown()),
  }),
  z.looseObject({
    type: z.literal('apply_patch_call_output'),
    call_id: callId,
    status,
    output: z.string().nullish(),
  }),
  z.looseObject({
    type: z.literal('mcp_call'),
    id: callId,
    server_label: z.string(),
    name: z.string(),
    arguments: z.string(),
    output: z.string().nullish(),
    error: z.unknown().optional(),
  }),
  z.looseObject({
    type: z.literal('code_interpreter_call'),
    id: callId,
    code: z.string().nullish(),
    outputs: z.array(z.looseObject({ type: z.string() })).nullish(),
  }),
  z.looseObject({
    type: z.literal('file_search_call'),
    id: callId,
    queries: z.array(z.string()),
    results: z.array(z.looseObject({})).nullish(),
  }),
] as const;

/** Items that the model does not see. Other items contain their results, if anything does. */
const itemsLeftOut = [
  'image_generation_call',
  'mcp_approval_request',
  'mcp_list_tools',
  'tool_search_call',
  'web_search_call',
] as const;
const leftOut = itemsLeftOut.map((type) =>
  noEffect(z.looseObject({ type: z.literal(type) }), `input.${type}`),
);

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
  ...callsOfOthers,
  ...leftOut,
  ...refusedItems,
]);
/** All items except those that are refused. */
export type InputItem = z.infer<typeof ownItem> | CallOfOthers | ItemLeftOut;
export type MessageItem = z.infer<typeof messageItem>;
export type CallOfOthers = z.infer<(typeof callsOfOthers)[number]>;
export type ItemLeftOut = z.infer<(typeof leftOut)[number]>;
