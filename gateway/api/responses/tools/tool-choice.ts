// Translates the tool choice of a Responses request to that of a chat.
import { badRequest } from '../../errors.ts';
import type { FieldNames } from '../../requests/renamed-fields.ts';
import type { ChatFields } from '../../requests/translated-chat.ts';
import type { ResponsesRequest } from '../schema.ts';
import { calledName, type OfferedTools } from './offered-tools.ts';
import { type AllowedTool, isOfOthers, type NamedTool, type ToolOfOthers } from './schema.ts';

interface ChosenTool {
  chosen: ChatFields['tool_choice'];
  /** Paths of its parts in the request. */
  names: FieldNames;
}

/** Throws a 400 if it requires a tool that the model is not offered. */
export function chatToolChoice(
  { tools, tool_choice: choice }: ResponsesRequest,
  offered: OfferedTools,
): ChosenTool {
  const given = (tools ?? []).length > 0 && offered.tools.length === 0;
  if (typeof choice !== 'object' || choice === null) {
    if (choice === 'required' && given) {
      throw notOffered('tool_choice', "a call is required, but this server can offer none of the 'tools'");
    }
    return { chosen: choice, names: [] };
  }
  if (choice.type === 'allowed_tools') return allowedTools(choice, offered);
  if (choice.type === 'function' || choice.type === 'custom') {
    const name = nameOf(choice, offered, 'tool_choice.name');
    return { chosen: { type: 'function', function: { name } }, names: [] };
  }
  throw notOffered('tool_choice.type', `this server does not offer tools of the type '${choice.type}'`);
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
    throw notOffered(
      'tool_choice.tools',
      'a call is required, but this server can offer none of these tools',
    );
  }
  const chat = 'tool_choice.allowed_tools.tools';
  const chosen = allowed.map(({ name }) => ({ type: 'function' as const, function: { name } }));
  return {
    chosen: { type: 'allowed_tools', allowed_tools: { mode, tools: chosen } },
    names: allowed.map(({ i }, j) => [`${chat}[${j}].function`, `tool_choice.tools[${i}]`]),
  };
}

function namesOf(tool: AllowedTool, offered: OfferedTools, param: string): string[] {
  if (isOfOthers(tool)) return [];
  const named = tool as Exclude<AllowedTool, ToolOfOthers>;
  if (named.type !== 'namespace') return [nameOf(named, offered, param)];
  const within = [...offered.byName].filter(([, { namespace }]) => namespace === named.name);
  if (within.length === 0) throw unknownTool(named.name, param);
  return within.map(([called]) => called);
}

/** The name that the model calls. `param` is the field with the client's name. */
function nameOf({ type, name, namespace }: NamedTool, { byName }: OfferedTools, param: string): string {
  const full = calledName(name, namespace);
  if (byName.get(full)?.kind === type) return full;
  const within = [...byName].find(([, tool]) => tool.kind === type && tool.name === name && !namespace);
  if (within === undefined) throw unknownTool(name, param);
  return within[0];
}

function unknownTool(name: string, param: string) {
  return notOffered(param, `there is no tool with the name '${name.slice(0, 200)}' in 'tools'`);
}

function notOffered(param: string, why: string) {
  return badRequest(`Invalid value for '${param}': ${why}.`, { param, code: 'invalid_value' });
}
