// What POST /v1/responses accepts, as a zod schema, and the fields of OpenAI's that are refused by name. Knows no chat.
import { z } from 'zod';
import { extraFields } from '../extra-fields.ts';
import { commonFields, integer, LARGEST_INT32 } from '../schema-fields.ts';
import { reasoningEfforts } from '../thinking.ts';
import { inputItem } from './items.ts';

const { model, temperature, top_p, top_k, stop, stream, user } = commonFields;
const { prompt_cache_key, safety_identifier, service_tier, verbosity, store } = commonFields;

const functionTool = z.strictObject({
  type: z.literal('function'),
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish().describe('JSON Schema of the arguments.'),
  strict: z.boolean().nullish(),
});

const namedFunction = z.strictObject({ type: z.literal('function'), name: z.string().min(1) });

const toolChoice = z.union([
  z.discriminatedUnion('type', [
    namedFunction,
    z.strictObject({
      type: z.literal('allowed_tools'),
      mode: z.enum(['auto', 'required']),
      tools: z.array(namedFunction).min(1),
    }),
  ]),
  z.enum(['none', 'auto', 'required']),
]);

const textFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: z.string().min(1),
    schema: z.record(z.string(), z.unknown()),
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
]);

export const responsesSchema = z.strictObject({
  model,
  input: z
    .union([z.string(), z.array(inputItem).min(1)])
    .describe('A text of the user, or items: messages, function calls and their outputs, reasoning.'),
  instructions: z.string().nullish().describe('A system message before the input.'),
  max_output_tokens: integer(1, LARGEST_INT32)
    .nullish()
    .describe('Tokens of the answer, at most, reasoning and calls among them.'),
  tools: z.array(functionTool).max(128).nullish().describe('Functions that the model may call.'),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish().describe('More than one call in an answer. Default true.'),
  text: z
    .strictObject({
      format: textFormat.nullish().describe('Plain text, any JSON object, or JSON of a schema.'),
      verbosity,
    })
    .nullish(),
  reasoning: z
    .strictObject({
      effort: z.enum(reasoningEfforts).nullish().describe('Of models that think.'),
      summary: z.literal('auto').nullish().describe('Makes none: the reasoning itself is given in the item.'),
    })
    .nullish(),
  temperature,
  top_p,
  top_k,
  stop,
  top_logprobs: integer(0, 20)
    .nullish()
    .describe('With `message.output_text.logprobs` in `include`: and so many of the likeliest tokens.'),
  include: z
    .array(z.enum(['message.output_text.logprobs', 'reasoning.encrypted_content']))
    .nullish()
    .describe('Log-probabilities of the text. Encrypted reasoning is never made: it is given in the open.'),
  stream,
  stream_options: z
    .strictObject({
      include_obfuscation: z.literal(false).nullish().describe('Nothing is padded.'),
    })
    .nullish(),
  metadata: z.record(z.string(), z.string().max(512)).nullish().describe('Given back with the answer.'),
  store: store.describe('Nothing is stored, whatever it says.'),
  user,
  prompt_cache_key,
  safety_identifier,
  service_tier,
  ...extraFields,
});
export type ResponsesRequest = z.infer<typeof responsesSchema>;

/** Known fields that are not supported, each with the values that ask for nothing (JSON text). */
export const unsupportedResponsesFields: Record<string, readonly string[]> = {
  previous_response_id: [],
  conversation: [],
  background: ['false'],
  prompt: [],
  context_management: [],
  truncation: ['"disabled"'],
  max_tool_calls: [],
  moderation: [],
  prompt_cache_retention: [],
  prompt_cache_options: [],
  access_programs: [],
  image: [],
};
