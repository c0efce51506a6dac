// From the tools of a Responses request to the functions that a chat is offered, and back from the name of a called function to
// the tool that it stands for. A custom tool is a function of one text; a namespace's functions carry its name before their own.
// Pure; knows no schema of requests.
//
// Worked example: {type: 'namespace', name: 'files', tools: [{type: 'function', name: 'read'}]} is offered as the function
// `files__read`; a call of it is told as {type: 'function_call', namespace: 'files', name: 'read'}.
import type { FieldNames } from '../renamed-fields.ts';
import type { ChatFields } from '../translated-chat.ts';
import { larkPattern } from './lark-pattern.ts';
import { type CustomTool, type FunctionTool, isOfOthers, type Namespace, type Tool } from './tools.ts';

type ChatTool = NonNullable<ChatFields['tools']>[number];

/** One function that the chat is offered. */
export interface OfferedTool {
  kind: 'function' | 'custom';
  name: string;
  namespace?: string;
}

export interface OfferedTools {
  /** As the chat is given them. */
  tools: ChatTool[];
  /** By the name that the model calls. */
  byName: ReadonlyMap<string, OfferedTool>;
  /** Where each of the chat's tools stands in the request. */
  names: FieldNames;
}

/** Key of the one argument that a custom tool's function has. */
export const CUSTOM_INPUT = 'input';

/** `lists`: the request's lists of tools, each with its place in the request. */
export function offeredTools(lists: readonly { tools: readonly Tool[]; at: string }[]): OfferedTools {
  const found = lists.flatMap(({ tools, at }) => tools.flatMap((tool, i) => callables(tool, `${at}[${i}]`)));
  const tools: ChatTool[] = [];
  const byName = new Map<string, OfferedTool>();
  const names: (readonly [string, string])[] = [];
  for (const { tool, at, namespace, told } of found) {
    const chat = `tools[${tools.length}].function`;
    const name = calledName(tool.name, namespace);
    const description = told ?? tool.description;
    names.push([chat, at]);
    if (tool.type === 'custom') {
      const schema = `${chat}.parameters`;
      names.push(
        [schema, `${at}.format`],
        [`${schema}.properties.${CUSTOM_INPUT}.pattern`, `${at}.format.definition`],
      );
    }
    const shape = tool.type === 'custom' ? customShape(tool) : functionShape(tool);
    tools.push({ type: 'function', function: { name, description, ...shape } });
    byName.set(name, { kind: tool.type, name: tool.name, ...(namespace !== undefined && { namespace }) });
  }
  return { tools, byName, names };
}

/** What the model calls. Codex's own namespaces may end with the separator. */
export function calledName(name: string, namespace?: string | null): string {
  if (namespace === undefined || namespace === null) return name;
  return namespace.endsWith('__') ? namespace + name : `${namespace}__${name}`;
}

interface Callable {
  tool: FunctionTool | CustomTool;
  at: string;
  namespace?: string;
  /** Its description with the namespace's before it. */
  told?: string;
}

function callables(tool: Tool, at: string): Callable[] {
  if (isOfOthers(tool)) return [];
  const known = tool as FunctionTool | CustomTool | Namespace;
  if (known.type !== 'namespace') return [{ tool: known, at }];
  const { name: namespace, description, tools } = known;
  return tools.map((inner, i) => {
    const place = { tool: inner, at: `${at}.tools[${i}]`, namespace };
    // Said once: the model reads the list from its beginning.
    if (i > 0 || !description) return place;
    return { ...place, told: [description, inner.description].filter(Boolean).join('\n\n') };
  });
}

function functionShape({ parameters, strict }: FunctionTool) {
  return { parameters, strict };
}

/** A grammar that cannot be read leaves the text free. */
function customShape({ format }: CustomTool) {
  const pattern = format?.type === 'grammar' ? patternOf(format) : undefined;
  const input = { type: 'string', ...(pattern !== undefined && { pattern: `^(?:${pattern})$` }) };
  const parameters = {
    type: 'object',
    properties: { [CUSTOM_INPUT]: input },
    required: [CUSTOM_INPUT],
    additionalProperties: false,
  };
  return { parameters, strict: true };
}

function patternOf({
  syntax,
  definition,
}: {
  syntax: 'lark' | 'regex';
  definition: string;
}): string | undefined {
  if (syntax === 'lark') return larkPattern(definition);
  // The whole text matches anyhow. Of alternatives each would have ends of its own.
  return /^\^[^|]*[^\\|]\$$/.test(definition) ? definition.slice(1, -1) : definition;
}
