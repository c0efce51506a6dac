// The fields of a chat that offer tools and say how they may be called, as zod schemas. Knows no template and no grammar.
import { z } from 'zod';
import { noEffect } from './no-effect.ts';

/** OpenAI's limit. */
export const MOST_TOOLS = 128;
/** Anthropic's limit; OpenAI's is 64. */
const functionName = z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, 'expected 1 to 128 letters, digits, _ or -');

/** Prompts are cached without being asked. */
const cacheHint = noEffect(z.record(z.string(), z.unknown()).nullish());

const tool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: functionName,
    description: z.string().nullish(),
    parameters: z
      .record(z.string(), z.unknown())
      .nullish()
      .describe('JSON Schema of the arguments; without one any object.'),
    strict: z
      .boolean()
      .nullish()
      .describe(
        'True: a schema that cannot be held is refused. Otherwise what cannot be held is left out, and told.',
      ),
    cache_control: cacheHint,
  }),
  cache_control: cacheHint,
  defer_loading: noEffect(z.boolean().nullish()).describe('Every tool is offered at once.'),
});
export type Tool = z.infer<typeof tool>;

const named = z.strictObject({ name: z.string() });

/** One object for both types: of a union, errors could not say which was meant. */
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
    .describe('Functions that the model may call; passed to the chat template.'),
  tool_choice: z
    .union([choiceObject, z.enum(['none', 'auto', 'required'])])
    .nullish()
    .describe('Whether a tool must be called, and which. Default `auto` where there are tools.'),
  parallel_tool_calls: z.boolean().nullish().describe('False: one call at most.'),
};
