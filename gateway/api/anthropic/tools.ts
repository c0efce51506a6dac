// The tools of an Anthropic request, as zod schemas: the client's own tools, and those that Anthropic defines, which the model is
// not offered here.
import { z } from 'zod';
import { noEffect } from '../requests/fields/no-effect.ts';
import { cacheControl } from './shared-fields.ts';

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
  /** Has no effect, because inputs are always streamed as they come. */
  eager_input_streaming: noEffect(z.boolean().nullish(), 'tools.eager_input_streaming'),
  cache_control: cacheControl,
});
export type OwnTool = z.infer<typeof ownTool>;

/** Tools that Anthropic runs, or whose schema only its models know. In requests a date follows each name. */
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
export type DefinedTool = { type: string; name?: string | null | undefined };

export const anyTool = z.union([ownTool, ...definedTools.map(definedTool)]);
export type AnyTool = OwnTool | DefinedTool;

export function isOwn(tool: AnyTool): tool is OwnTool {
  return 'input_schema' in tool && (tool.type ?? 'custom') === 'custom';
}
