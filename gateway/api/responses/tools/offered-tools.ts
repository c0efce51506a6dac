// Translates the tools of a Responses request to functions of a chat, and finds the tool behind the name of a called function. A
// custom tool becomes a function with one text argument. The name of a namespace precedes the names of its functions.
//
// Worked example: {type: 'namespace', name: 'files', tools: [{type: 'function', name: 'read'}]} is offered as the function
// `files__read`. Its call is returned as {type: 'function_call', namespace: 'files', name: 'read'}.
import { badRequest } from '../../errors.ts';
import { MOST_TOOLS } from '../../requests/fields/tool-schema.ts';
import type { FieldNames } from '../../requests/renamed-fields.ts';
import type { ChatFields } from '../../requests/translated-chat.ts';
import { larkPattern } from './lark-pattern.ts';
import { type CustomTool, type FunctionTool, isBuiltIn, type Namespace, type Tool } from './schema.ts';

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
  /** For errors: the path in the request of each function. */
  names: FieldNames;
  /** Paths in the request of grammars that are not enforced. */
  notEnforced: string[];
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
  const notEnforced: string[] = [];
  const tools = found.map(({ tool, at, namespace, description }, i): ChatTool => {
    const name = calledName(tool.name, namespace);
    byName.set(name, { kind: tool.type, name: tool.name, ...(namespace !== undefined && { namespace }) });
    const chat = `tools[${i}].function`;
    names.push([chat, at]);
    const described = { name, description: description ?? tool.description };
    if (tool.type === 'function') {
      const { parameters, strict } = tool;
      return { type: 'function', function: { ...described, parameters, strict } };
    }
    const grammar = `${at}.format.definition`;
    names.push([`${chat}.parameters`, grammar]);
    names.push([`${chat}.parameters.properties.${CUSTOM_INPUT}.pattern`, grammar]);
    const pattern = patternOf(tool);
    if (tool.format?.type === 'grammar' && pattern === undefined) notEnforced.push(grammar);
    return {
      type: 'function',
      // strict: an unsupported regular expression is refused. The pattern of a Lark grammar is enforced only if it is supported.
      function: { ...described, parameters: customParameters(pattern), strict: !isLark(tool) },
    };
  });
  return { tools, byName, names, notEnforced };
}

/** The name that the model calls. Namespaces of Codex may already end with the separator `__`. */
export function calledName(name: string, namespace?: string | null): string {
  if (namespace === undefined || namespace === null) return name;
  return namespace.endsWith('__') ? namespace + name : `${namespace}__${name}`;
}

/** The tools of all lists, without those whose name occurs again in a later list. */
function latest(lists: readonly Callable[][]): Callable[] {
  const called = ({ tool, namespace }: Callable) => calledName(tool.name, namespace);
  const last = new Map(lists.flatMap((list) => list.map((one) => [called(one), list])));
  return lists.flatMap((list) => list.filter((one) => last.get(called(one)) === list));
}

interface Callable {
  tool: FunctionTool | CustomTool;
  at: string;
  namespace?: string;
  /** The namespace's description, followed by the tool's own. Absent: only the tool's own is used. */
  description?: string;
}

function callables(tool: Tool, at: string): Callable[] {
  if (isBuiltIn(tool)) return [];
  const known = tool as FunctionTool | CustomTool | Namespace;
  if (known.type !== 'namespace') return [{ tool: known, at }];
  const { name: namespace, description: ofAll, tools } = known;
  return tools.map((inner, i) => {
    const place = { tool: inner, at: `${at}.tools[${i}]`, namespace };
    // Only the first tool gets the description of the namespace, because the model reads the list from the beginning.
    if (i > 0 || !ofAll) return place;
    return { ...place, description: [ofAll, inner.description].filter(Boolean).join('\n\n') };
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

/** The regular expression of a custom tool's text. Undefined: any text is allowed. `honoured` checks whether it is supported. */
function patternOf({ format }: CustomTool): string | undefined {
  if (format?.type !== 'grammar') return undefined;
  const { syntax, definition } = format;
  if (syntax === 'lark') return larkPattern(definition);
  // The whole text has to match, so ^ and $ at the ends are removed. With | they are kept: they may belong to one alternative.
  return /^\^[^|]*[^\\|]\$$/.test(definition) ? definition.slice(1, -1) : definition;
}

function isLark({ format }: CustomTool): boolean {
  return format?.type === 'grammar' && format.syntax === 'lark';
}
