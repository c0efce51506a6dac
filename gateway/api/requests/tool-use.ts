// Derives from the request fields about tools: the tools for the template, the syntax of calls, and the constraint of the answer.
import type { CallableTool, CallSyntax, ConstraintSpec } from '../../constraints/specification.ts';
import { badRequest, invalidValue, missingParameter } from '../errors.ts';
import { argumentKinds } from '../text/calls/argument-kinds.ts';
import { titlesOfSyntaxes } from '../text/calls/syntaxes.ts';
import type { TemplateCalls } from '../text/calls/template-calls.ts';
import type { ChatTemplate, TemplateTool } from '../text/template.ts';
import { refuseDeep } from './depth.ts';
import type { ChatRequest } from './fields/schema.ts';
import type { Tool } from './fields/tool-schema.ts';
import type { Asked } from './structured.ts';

type ToolFields = Pick<ChatRequest, 'tools' | 'tool_choice' | 'parallel_tool_calls'>;
type ToolCallSpec = Extract<ConstraintSpec, { type: 'tool_calls' }>;

export interface ToolUse {
  /** The tools as the chat template gets them. */
  tools: TemplateTool[];
  constraint: ToolCallSpec;
  /** All tools, even those that `tool_choice` excludes, so that errors name the right index in `tools`. */
  asked: Asked;
}

interface ToolOptions {
  template: ChatTemplate;
  /** How the model writes calls. Undefined: its template shows no known syntax. */
  calls: TemplateCalls | undefined;
  /** Id of the model, for errors. */
  model: string;
}

/** Undefined if no tool may be called. The template then gets no tools either. Throws a 400 that names the field at fault. */
export function toolUseOf(request: ToolFields, { template, calls, model }: ToolOptions): ToolUse | undefined {
  const tools = request.tools ?? [];
  const { mode, names, one } = choiceOf(request, tools);
  if (mode === 'none' || tools.length === 0) return undefined;
  refuseSameNames(tools);
  tools.forEach((tool, i) => {
    refuseDeep(tool.function.parameters, `tools[${i}].function.parameters`);
  });
  const { syntax, specials } = requireCalls(template, calls, model);
  const parallel = one !== true && request.parallel_tool_calls !== false;
  const constraint = {
    type: 'tool_calls' as const,
    mode,
    tools: tools.map((tool) => callableTool(tool, syntax)),
    parallel,
    syntax,
    ...(Object.keys(specials).length > 0 && { specials }),
  };
  const callable = constraint.tools.filter(({ name }) => names === undefined || names.has(name));
  return {
    tools: tools.map(templateTool),
    constraint: { ...constraint, tools: callable },
    asked: { spec: constraint, param: 'tools' },
  };
}

function requireCalls(
  { source }: ChatTemplate,
  calls: TemplateCalls | undefined,
  model: string,
): TemplateCalls {
  const unsupported = (why: string) => {
    const message = `The model '${model}' cannot be given tools: ${why}`;
    return badRequest(message, { param: 'tools', code: 'tools_not_supported' });
  };
  if (!/\btools\b/.test(source)) throw unsupported('its chat template does not mention tools.');
  if (calls !== undefined) return calls;
  throw unsupported(
    `its chat template writes calls in a syntax that this server does not know. It knows ${titlesOfSyntaxes}.`,
  );
}

interface Choice {
  mode: 'none' | 'auto' | 'required';
  /** Names of the tools that may be called. Undefined: all tools. */
  names?: Set<string>;
  /** The answer has exactly one call. */
  one?: boolean;
}

function choiceOf({ tool_choice: choice }: ToolFields, tools: readonly Tool[]): Choice {
  if (choice === undefined || choice === null) return { mode: 'auto' };
  if (typeof choice === 'string') {
    if (choice !== 'required' || tools.length > 0) return { mode: choice };
    throw withoutTools();
  }
  if (tools.length === 0) throw withoutTools();
  const known = new Set(tools.map(({ function: { name } }) => name));
  const checked = (name: string, param: string) => {
    if (known.has(name)) return name;
    throw invalidValue(param, `there is no tool with the name '${name.slice(0, 200)}' in 'tools'`);
  };
  if (choice.type === 'function') {
    if (choice.function === undefined) throw missingParameter('tool_choice.function');
    const { name } = choice.function;
    return { mode: 'required', names: new Set([checked(name, 'tool_choice.function.name')]), one: true };
  }
  if (choice.allowed_tools === undefined) throw missingParameter('tool_choice.allowed_tools');
  const { mode, tools: allowed } = choice.allowed_tools;
  const names = allowed.map(({ function: { name } }, i) => {
    return checked(name, `tool_choice.allowed_tools.tools[${i}].function.name`);
  });
  return { mode, names: new Set(names) };
}

function withoutTools() {
  const message = "The 'tool_choice' parameter is only allowed with 'tools'.";
  return badRequest(message, { param: 'tool_choice', code: 'invalid_parameter_combination' });
}

function refuseSameNames(tools: readonly Tool[]): void {
  const names = tools.map((tool) => tool.function.name);
  const at = names.findIndex((name, i) => names.indexOf(name) < i);
  if (at < 0) return;
  throw invalidValue(`tools[${at}].function.name`, `another tool has the name '${names[at]}'`);
}

/** Leaves out `strict`, because it is not meant for the model. */
function templateTool({ type, function: { name, description, parameters } }: Tool): TemplateTool {
  return {
    type,
    function: {
      name,
      ...(typeof description === 'string' && { description }),
      ...(parameters && { parameters }),
    },
  };
}

function callableTool({ function: { name, parameters, strict } }: Tool, syntax: CallSyntax): CallableTool {
  if (!parameters) return { name };
  const own = {
    name,
    parameters: JSON.stringify(parameters),
    ...(syntax.arguments.form === 'elements' && { kinds: argumentKinds(parameters) }),
  };
  return strict === true ? own : { ...own, relaxed: true };
}
