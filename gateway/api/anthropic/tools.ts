// What an Anthropic request may offer as a tool, as zod schemas: tools of the caller's own, and those that Anthropic defines,
// which are not offered to the model here. Knows no messages and no chat.
import { z } from 'zod';
import { noEffect } from '../requests/fields/no-effect.ts';
import { cacheControl } from './shared-fields.ts';

/** With a tool that only code execution may call, nobody here could call it. */
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
  /** All tools are loaded from the start: there is no search that could find them later. */
  defer_loading: noEffect(z.boolean().nullish(), 'tools.defer_loading'),
  /** The schema and the description say it to the model. */
  input_examples: noEffect(z.array(z.record(z.string(), z.unknown())).nullish(), 'tools.input_examples'),
  /** Inputs are streamed as they come, whatever it says. */
  eager_input_streaming: noEffect(z.boolean().nullish(), 'tools.eager_input_streaming'),
  cache_control: cacheControl,
});
export type OwnTool = z.infer<typeof ownTool>;

/** Tools that Anthropic runs, or whose schema only its models know; in requests each has a date behind its name. */
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
