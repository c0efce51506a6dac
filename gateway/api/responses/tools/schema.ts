// The tools and the tool choice of a Responses request, as zod schemas. Tools are functions and custom tools, alone or in a
// namespace, and OpenAI's built-in tools.
import { z } from 'zod';
import { noEffect } from '../../requests/fields/no-effect.ts';

/**
 * Types of built-in tools, each with its name in the header of fields without effect. These tools are not offered to the model, so
 * their other fields are not checked.
 */
const builtInTools = {
  apply_patch: 'tools.apply_patch',
  code_interpreter: 'tools.code_interpreter',
  computer: 'tools.computer',
  computer_use: 'tools.computer',
  computer_use_preview: 'tools.computer',
  file_search: 'tools.file_search',
  image_generation: 'tools.image_generation',
  local_shell: 'tools.local_shell',
  mcp: 'tools.mcp',
  programmatic_tool_calling: 'tools.programmatic_tool_calling',
  shell: 'tools.shell',
  tool_search: 'tools.tool_search',
  web_search: 'tools.web_search',
  web_search_2025_08_26: 'tools.web_search',
  web_search_preview: 'tools.web_search_preview',
  web_search_preview_2025_03_11: 'tools.web_search_preview',
} as const;
const builtInTypes = Object.keys(builtInTools) as (keyof typeof builtInTools)[];

const toolName = z.string().min(1);

const callers = z.array(z.enum(['direct', 'programmatic'])).refine((list) => list.includes('direct'), {
  message:
    "Unsupported value for 'allowed_callers': every call here is direct, but this tool does not allow direct calls.",
  params: { code: 'unsupported_parameter' },
});

/** Fields that functions and custom tools share. */
const callable = {
  name: toolName,
  description: z.string().nullish(),
  allowed_callers: noEffect(callers.nullish(), 'tools.allowed_callers'),
  async: noEffect(z.boolean().nullish(), 'tools.async'),
  defer_loading: noEffect(z.boolean().nullish(), 'tools.defer_loading'),
};

const functionTool = z.strictObject({
  type: z.literal('function'),
  ...callable,
  parameters: z.record(z.string(), z.unknown()).nullish().describe('JSON Schema of the arguments.'),
  strict: z.boolean().nullish(),
  output_schema: noEffect(z.record(z.string(), z.unknown()).nullish(), 'tools.output_schema'),
});

const customTool = z
  .strictObject({
    type: z.literal('custom'),
    ...callable,
    format: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('text') }),
        z.strictObject({
          type: z.literal('grammar'),
          syntax: z.enum(['lark', 'regex']),
          definition: z.string().min(1),
        }),
      ])
      .nullish(),
  })
  .describe('A tool whose argument is one text.');

const namespace = z
  .strictObject({
    type: z.literal('namespace'),
    name: toolName,
    description: z.string().nullish(),
    tools: z.array(z.discriminatedUnion('type', [functionTool, customTool])),
  })
  .describe('Functions and custom tools under a common name.');

const builtIns = builtInTypes.map((type) => {
  return noEffect(z.looseObject({ type: z.literal(type) }), builtInTools[type]);
});

export const tool = z.discriminatedUnion('type', [functionTool, customTool, namespace, ...builtIns]);
export type Tool = z.infer<typeof tool>;
export type FunctionTool = z.infer<typeof functionTool>;
export type CustomTool = z.infer<typeof customTool>;
export type Namespace = z.infer<typeof namespace>;

const named = { name: toolName, namespace: z.string().nullish() };
const namedFunction = z.strictObject({ type: z.literal('function'), ...named });
const namedCustom = z.strictObject({ type: z.literal('custom'), ...named });
const namedNamespace = z.strictObject({ type: z.literal('namespace'), name: toolName });
const builtInChoices = builtInTypes.map((type) => z.looseObject({ type: z.literal(type) }));

export const toolChoice = z.union([
  z.discriminatedUnion('type', [
    namedFunction,
    namedCustom,
    z.strictObject({
      type: z.literal('allowed_tools'),
      mode: z.enum(['auto', 'required']),
      tools: z
        .array(z.discriminatedUnion('type', [namedFunction, namedCustom, namedNamespace, ...builtIns]))
        .min(1),
    }),
    ...builtInChoices,
  ]),
  z.enum(['none', 'auto', 'required']),
]);
export type NamedTool = z.infer<typeof namedFunction> | z.infer<typeof namedCustom>;
export type AllowedTool = NamedTool | z.infer<typeof namedNamespace> | BuiltInTool;
export type BuiltInTool = z.infer<(typeof builtIns)[number]>;

export function isBuiltIn(tool: { type: string }): tool is BuiltInTool {
  return Object.hasOwn(builtInTools, tool.type);
}
