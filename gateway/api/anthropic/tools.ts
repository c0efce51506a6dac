// The tools of an Anthropic request as zod schemas: the client's own tools, and tools that Anthropic defines. The model is offered
// only the client's own.
import { z } from 'zod';
import { noEffect } from '../requests/fields/no-effect.ts';

/** Has no effect, because prompts are always cached for as long as there is memory. */
export const cacheControl = noEffect(
  z.looseObject({ type: z.literal('ephemeral') }).nullish(),
  'cache_control',
);

/** Refuses a tool that only code execution may call, because this server executes no code. */
const allowedCallers = z
  .array(z.string())
  .superRefine((callers, context) => {
    if (callers.includes('direct')) return;
    const message = "expected 'direct' among them, because this server runs no code that could call tools";
    context.addIssue({ code: 'invalid_format', format: 'allowed_callers', message });
  })
  .nullish();

const ownTool = z.strictObject({
  type: z.literal('custom').nullish(),
  name: z.string().min(1),
  description: z.string().nullish(),
  input_schema: z.record(z.string(), z.unknown()).describe('JSON Schema of the input.'),
  strict: z.boolean().nullish(),
  allowed_callers: noEffect(allowedCallers, 'tools.allowed_callers'),
  /** Has no effect, because all tools are loaded from the start. */
  defer_loading: noEffect(z.boolean().nullish(), 'tools.defer_loading'),
  /** Has no effect, because the model gets only the schema and the description. */
  input_examples: noEffect(z.array(z.record(z.string(), z.unknown())).nullish(), 'tools.input_examples'),
  /** Has no effect, because the input of a call is always streamed while the model writes it. */
  eager_input_streaming: noEffect(z.boolean().nullish(), 'tools.eager_input_streaming'),
  cache_control: cacheControl,
});
export type OwnTool = z.infer<typeof ownTool>;

/** Families of tools that Anthropic runs, or whose schema only Anthropic's models know. A request adds a date to the name. */
const definedTools = [
  'advisor',
  'bash',
  'browser_toolset',
  'code_execution',
  'computer',
  'computer_toolset',
  'memory',
  'text_editor',
  'tool_search_tool_bm25',
  'tool_search_tool_regex',
  'web_fetch',
  'web_search',
] as const;

function definedTool(family: string) {
  const type = z.string().regex(new RegExp(`^${family}(_\\d{8})?$`), `expected '${family}' and a date`);
  return noEffect(z.looseObject({ type, name: z.string().nullish() }), `tools.${family}`);
}
type DefinedTool = { type: string; name?: string | null | undefined };

export const anyTool = z.union([ownTool, ...definedTools.map(definedTool)]);
type AnyTool = OwnTool | DefinedTool;

export function isOwn(tool: AnyTool): tool is OwnTool {
  return 'input_schema' in tool && (tool.type ?? 'custom') === 'custom';
}
