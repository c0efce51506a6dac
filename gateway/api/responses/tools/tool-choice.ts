// Translates the tool choice of a Responses request to the tool choice of a chat.
import { invalidValue } from '../../errors.ts';
import type { FieldNames } from '../../requests/renamed-fields.ts';
import type { ChatFields } from '../../requests/translated-chat.ts';
import type { ResponsesRequest } from '../schema.ts';
import { calledName, type OfferedTools } from './offered-tools.ts';
import { type AllowedTool, type BuiltInTool, isBuiltIn, type NamedTool } from './schema.ts';

interface ChosenTool {
  chosen: ChatFields['tool_choice'];
  /** For errors: the path in the request of each part of `chosen`. */
  names: FieldNames;
}

/** Throws a 400 if the choice requires a tool that is not offered to the model. */
export function chatToolChoice(
  { tools, tool_choice: choice }: ResponsesRequest,
  offered: OfferedTools,
): ChosenTool {
  const given = (tools ?? []).length > 0 && offered.tools.length === 0;
  if (typeof choice !== 'object' || choice === null) {
    if (choice === 'required' && given) {
      throw invalidValue('tool_choice', "a call is required, but this server can offer none of the 'tools'");
    }
    return { chosen: choice, names: [] };
  }
  if (choice.type === 'allowed_tools') return allowedTools(choice, offered);
  if (choice.type === 'function' || choice.type === 'custom') {
    const name = nameOf(choice, offered, 'tool_choice.name');
    return { chosen: { type: 'function', function: { name } }, names: [] };
  }
  throw invalidValue('tool_choice.type', `this server does not offer tools of the type '${choice.type}'`);
}

function allowedTools(
  { mode, tools }: { mode: 'auto' | 'required'; tools: readonly AllowedTool[] },
  offered: OfferedTools,
): ChosenTool {
  const allowed = tools.flatMap((tool, i) => {
    return namesOf(tool, offered, `tool_choice.tools[${i}].name`).map((name) => ({ name, i }));
  });
  if (allowed.length === 0 && mode === 'auto') return { chosen: 'none', names: [] };
  if (allowed.length === 0) {
    const why = 'a call is required, but this server can offer none of these tools';
    throw invalidValue('tool_choice.tools', why);
  }
  const chat = 'tool_choice.allowed_tools.tools';
  const chosen = allowed.map(({ name }) => ({ type: 'function' as const, function: { name } }));
  return {
    chosen: { type: 'allowed_tools', allowed_tools: { mode, tools: chosen } },
    names: allowed.map(({ i }, j) => [`${chat}[${j}].function`, `tool_choice.tools[${i}]`]),
  };
}

function namesOf(tool: AllowedTool, offered: OfferedTools, param: string): string[] {
  if (isBuiltIn(tool)) return [];
  const named = tool as Exclude<AllowedTool, BuiltInTool>;
  if (named.type !== 'namespace') return [nameOf(named, offered, param)];
  const within = [...offered.byName].filter(([, { namespace }]) => namespace === named.name);
  if (within.length === 0) throw unknownTool(named.name, param);
  return within.map(([called]) => called);
}

/** The name by which the model calls a tool. The client names that tool in the field `param`. */
function nameOf({ type, name, namespace }: NamedTool, { byName }: OfferedTools, param: string): string {
  const full = calledName(name, namespace);
  if (byName.get(full)?.kind === type) return full;
  const within = [...byName].find(([, tool]) => tool.kind === type && tool.name === name && !namespace);
  if (within === undefined) throw unknownTool(name, param);
  return within[0];
}

function unknownTool(name: string, param: string) {
  return invalidValue(param, `there is no tool with the name '${name.slice(0, 200)}' in 'tools'`);
}
