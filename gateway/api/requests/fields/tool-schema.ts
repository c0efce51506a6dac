// The fields of a chat that offer tools and say how they may be called, as zod schemas.
import { z } from 'zod';
import { noEffect } from './no-effect.ts';

/** Largest number of tools in one request, as in OpenAI's API. */
export const MOST_TOOLS = 128;
/** Anthropic's limit of 128 characters. OpenAI's is 64. */
const functionName = z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, 'expected 1 to 128 letters, digits, _ or -');

/** Has no effect, because prompts are always cached. */
const cacheHint = noEffect(z.record(z.string(), z.unknown()).nullish());

const tool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: functionName,
    description: z.string().nullish(),
    parameters: z
      .record(z.string(), z.unknown())
      .nullish()
      .describe('JSON Schema of the arguments. Default: any object.'),
    strict: z
      .boolean()
      .nullish()
      .describe(
        'True: a schema with unsupported parts is refused. False, the default: they are ignored and reported.',
      ),
    cache_control: cacheHint,
  }),
  cache_control: cacheHint,
  defer_loading: noEffect(z.boolean().nullish()).describe('No effect: every tool is offered at once.'),
});
export type Tool = z.infer<typeof tool>;

const named = z.strictObject({ name: z.string() });

/** One object for both types, because errors about a union could not say which type was meant. */
const choiceObject = z.strictObject({
  type: z.enum(['function', 'allowed_tools']),
  function: named.optional(),
  allowed_tools: z
    .strictObject({
      mode: z.enum(['auto', 'required']),
      tools: z.array(z.strictObject({ type: z.literal('function'), function: named })).min(1),
    })
    .optional(),
});

export const toolFields = {
  tools: z
    .array(tool)
    .max(MOST_TOOLS)
    .nullish()
    .describe('Functions that the model may call. The chat template gets them.'),
  tool_choice: z
    .union([choiceObject, z.enum(['none', 'auto', 'required'])])
    .nullish()
    .describe('Whether a tool must be called, and which. Default `auto` if there are tools.'),
  parallel_tool_calls: z.boolean().nullish().describe('Allow more than one call in an answer. Default true.'),
};
