// Translates the tools of a Responses request to functions of a chat, and the name of a called function back to its tool. A custom
// tool becomes a function with one text. The names of a namespace's functions begin with the name of the namespace.
//
// Worked example: {type: 'namespace', name: 'files', tools: [{type: 'function', name: 'read'}]} is offered as the function
// `files__read`. Its call is returned as {type: 'function_call', namespace: 'files', name: 'read'}.
import { badRequest } from '../../errors.ts';
import { MOST_TOOLS } from '../../requests/fields/tool-schema.ts';
import type { FieldNames } from '../../requests/renamed-fields.ts';
import type { ChatFields } from '../../requests/translated-chat.ts';
import { larkPattern } from './lark-pattern.ts';
import { type CustomTool, type FunctionTool, isOfOthers, type Namespace, type Tool } from './schema.ts';

type ChatTool = NonNullable<ChatFields['tools']>[number];

/** The tool behind one function of the chat. */
export interface OfferedTool {
  kind: 'function' | 'custom';
  name: string;
  namespace?: string;
}

export interface OfferedTools {
  /** The functions of the chat. */
  tools: ChatTool[];
  /** Tools by the name that the model calls. */
  byName: ReadonlyMap<string, OfferedTool>;
  /** Paths of the tools in the request. */
  names: FieldNames;
  /** Paths in the request of grammars that are not enforced. */
  notHeld: string[];
}

/** Name of the only argument of a custom tool's function. */
export const CUSTOM_INPUT = 'input';

/** `lists` are the request's lists of tools, each with its path in the request. */
export function offeredTools(lists: readonly { tools: readonly Tool[]; at: string }[]): OfferedTools {
  const found = latest(
    lists.map(({ tools, at }) => tools.flatMap((tool, i) => callables(tool, `${at}[${i}]`))),
  );
  if (found.length > MOST_TOOLS) {
    const message = `Invalid 'tools': ${found.length} functions exceed the limit of ${MOST_TOOLS}.`;
    throw badRequest(message, { param: 'tools', code: 'array_above_max_length' });
  }
  const byName = new Map<string, OfferedTool>();
  const names: (readonly [string, string])[] = [];
  const notHeld: string[] = [];
  const tools = found.map(({ tool, at, namespace, told }, i): ChatTool => {
    const name = calledName(tool.name, namespace);
    byName.set(name, { kind: tool.type, name: tool.name, ...(namespace !== undefined && { namespace }) });
    const chat = `tools[${i}].function`;
    names.push([chat, at]);
    const described = { name, description: told ?? tool.description };
    if (tool.type === 'function') {
      const { parameters, strict } = tool;
      return { type: 'function', function: { ...described, parameters, strict } };
    }
    const grammar = `${at}.format.definition`;
    names.push([`${chat}.parameters`, grammar]);
    names.push([`${chat}.parameters.properties.${CUSTOM_INPUT}.pattern`, grammar]);
    const pattern = patternOf(tool);
    if (tool.format?.type === 'grammar' && pattern === undefined) notHeld.push(grammar);
    return {
      type: 'function',
      // A translated Lark grammar is enforced if possible, but an unsupported regular expression is refused.
      function: { ...described, parameters: customParameters(pattern), strict: !isLark(tool) },
    };
  });
  return { tools, byName, names, notHeld };
}

/** The name that the model calls. Codex's own namespaces may end with the separator. */
export function calledName(name: string, namespace?: string | null): string {
  if (namespace === undefined || namespace === null) return name;
  return namespace.endsWith('__') ? namespace + name : `${namespace}__${name}`;
}

/** A tool replaces those of the same name in earlier lists. */
function latest(lists: readonly Callable[][]): Callable[] {
  const called = ({ tool, namespace }: Callable) => calledName(tool.name, namespace);
  const last = new Map(lists.flatMap((list) => list.map((one) => [called(one), list])));
  return lists.flatMap((list) => list.filter((one) => last.get(called(one)) === list));
}

interface Callable {
  tool: FunctionTool | CustomTool;
  at: string;
  namespace?: string;
  /** The description of the namespace followed by its own. */
  told?: string;
}

function callables(tool: Tool, at: string): Callable[] {
  if (isOfOthers(tool)) return [];
  const known = tool as FunctionTool | CustomTool | Namespace;
  if (known.type !== 'namespace') return [{ tool: known, at }];
  const { name: namespace, description, tools } = known;
  return tools.map((inner, i) => {
    const place = { tool: inner, at: `${at}.tools[${i}]`, namespace };
    // Only the first tool has it, because the model reads the list from the beginning.
    if (i > 0 || !description) return place;
    return { ...place, told: [description, inner.description].filter(Boolean).join('\n\n') };
  });
}

function customParameters(pattern: string | undefined): Record<string, unknown> {
  const input = { type: 'string', ...(pattern !== undefined && { pattern: `^(?:${pattern})$` }) };
  return {
    type: 'object',
    properties: { [CUSTOM_INPUT]: input },
    required: [CUSTOM_INPUT],
    additionalProperties: false,
  };
}

/** Undefined: the text is free. An unsupported regular expression is refused later by name. */
function patternOf({ format }: CustomTool): string | undefined {
  if (format?.type !== 'grammar') return undefined;
  const { syntax, definition } = format;
  if (syntax === 'lark') return larkPattern(definition);
  // The whole text has to match, so ^ and $ around it can be removed, but not if they belong to single alternatives.
  return /^\^[^|]*[^\\|]\$$/.test(definition) ? definition.slice(1, -1) : definition;
}

function isLark({ format }: CustomTool): boolean {
  return format?.type === 'grammar' && format.syntax === 'lark';
}
