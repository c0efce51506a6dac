// What `input` of a Responses request may hold, as zod schemas: messages, calls of functions and what came of them, reasoning;
// an answer's output items fit as they are. Knows no chat.
import { z } from 'zod';

const status = z.enum(['in_progress', 'completed', 'incomplete']).nullish();
const id = z.string().nullish();

/** OpenAI's client adds what it has parsed to the items that it gives, and callers send those back. */
const ofClient = z.unknown().optional();

const inputText = z.strictObject({ type: z.literal('input_text'), text: z.string() });

const outputText = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()).max(0).nullish(),
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
  phase: z.enum(['commentary', 'final_answer']).nullish(),
});

const functionCall = z.strictObject({
  type: z.literal('function_call'),
  call_id: z.string().min(1),
  name: z.string().min(1),
  arguments: z.string(),
  id,
  status,
  parsed_arguments: ofClient,
});

const functionCallOutput = z.strictObject({
  type: z.literal('function_call_output'),
  call_id: z.string().min(1),
  output: z.union([z.string(), z.array(inputText)]),
  id,
  status,
});

const reasoning = z.strictObject({
  type: z.literal('reasoning'),
  summary: z.array(z.strictObject({ type: z.literal('summary_text'), text: z.string() })),
  content: z.array(z.strictObject({ type: z.literal('reasoning_text'), text: z.string() })).nullish(),
  /** Made elsewhere: nobody here can read it. */
  encrypted_content: z.null().optional(),
  id,
  status,
});

export const inputItem = z.discriminatedUnion('type', [
  messageItem,
  functionCall,
  functionCallOutput,
  reasoning,
]);
export type InputItem = z.infer<typeof inputItem>;
export type MessageItem = z.infer<typeof messageItem>;
