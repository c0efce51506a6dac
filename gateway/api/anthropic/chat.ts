// Translates a request for a message, or for its count of tokens, to the chat request that asks for the same.
import type { ApiContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { extrasOf } from '../requests/fields/extra-fields.ts';
import type { FieldNames } from '../requests/renamed-fields.ts';
import type { ChatFields, TranslatedChat } from '../requests/translated-chat.ts';
import { thinkingTagsOf } from '../text/thinking.ts';
import { chatMessages } from './messages.ts';
import { type OfferedTool, offeredTools } from './offered-tools.ts';
import type { CountRequest, MessagesRequest } from './schema.ts';

const fieldNames: FieldNames = [
  ['stop', 'stop_sequences'],
  ['user', 'metadata.user_id'],
  ['reasoning_effort', 'output_config.effort'],
  ['max_thinking_tokens', 'thinking'],
  ['parallel_tool_calls', 'tool_choice.disable_parallel_tool_use'],
  ['tool_choice.function', 'tool_choice'],
];

/** Everything that becomes the prompt, except for thinking, which depends on the model's template. */
export function chatOfPrompt(request: CountRequest): TranslatedChat {
  const { messages, names } = chatMessages(request);
  const { model, tool_choice } = request;
  const tools = offeredTools(request);
  const parallel = tool_choice && 'disable_parallel_tool_use' in tool_choice;
  const format = formatOf(request);
  const chat = {
    model,
    messages,
    ...(prefills(request) && { continue_final_message: true }),
    ...(tools.length > 0 && { tools: tools.map(chatTool) }),
    tool_choice: chatToolChoice(request, tools),
    ...(parallel && tool_choice.disable_parallel_tool_use === true && { parallel_tool_calls: false }),
    ...(format && {
      response_format: {
        type: 'json_schema' as const,
        json_schema: { name: 'output', schema: format.schema, strict: true },
      },
    }),
  };
  // Tools may all come from messages.
  const all = request.tools ? 'tools' : (tools[0]?.outer ?? 'tools');
  const ofTools = tools.flatMap(({ outer }, i) => [
    ['tools', all] as const,
    [`tools[${i}].function`, outer] as const,
    [`tools[${i}].function.parameters`, `${outer}.input_schema`] as const,
  ]);
  const ofFormat = (['response_format', 'response_format.json_schema'] as const).map((inner) => {
    return [inner, format?.outer ?? 'output_config.format'] as const;
  });
  return { chat, names: [...fieldNames, ...ofFormat, ...ofTools, ...names] };
}

/** Leaves out `max_tokens`, because the number of tokens that fit is known only with the prompt. */
export function chatOfMessage(request: MessagesRequest): TranslatedChat {
  const { chat, names } = chatOfPrompt(request);
  const { stop_sequences, temperature, top_p, top_k, stream, metadata } = request;
  const own = { stop: stop_sequences, temperature, top_p, top_k, stream, user: metadata?.user_id };
  return { chat: { ...chat, ...own, ...extrasOf(request) }, names };
}

/** If a conversation ends with an assistant message, the answer continues that message. */
function prefills({ messages }: CountRequest): boolean {
  return messages.at(-1)?.role === 'assistant';
}

function formatOf({ output_config, output_format }: CountRequest) {
  const [now, older] = [output_config?.format, output_format];
  if (now && older && JSON.stringify(now) !== JSON.stringify(older)) {
    const message =
      "Setting 'output_config.format' and 'output_format' to different formats is not supported.";
    throw badRequest(message, { param: 'output_format', code: 'invalid_parameter_combination' });
  }
  if (now) return { schema: now.schema, outer: 'output_config.format' };
  return older ? { schema: older.schema, outer: 'output_format' } : undefined;
}

function chatTool({ tool: { name, description, input_schema, strict } }: OfferedTool) {
  return { type: 'function' as const, function: { name, description, parameters: input_schema, strict } };
}

function chatToolChoice(
  { tool_choice: choice, tools }: CountRequest,
  offered: readonly OfferedTool[],
): ChatFields['tool_choice'] {
  switch (choice?.type) {
    case 'any':
      return 'required';
    case 'tool': {
      refuseDefinedTool(choice.name, tools, offered);
      return { type: 'function', function: { name: choice.name } };
    }
    default:
      return choice?.type;
  }
}

/** Refuses a forced call of a tool that Anthropic defines, because the model is not offered it. */
function refuseDefinedTool(
  name: string,
  given: CountRequest['tools'],
  offered: readonly OfferedTool[],
): void {
  if (offered.some(({ tool }) => tool.name === name)) return;
  const defined = given?.find((tool) => tool.name === name)?.type;
  if (typeof defined !== 'string' || defined === 'custom') return;
  const param = 'tool_choice.name';
  const message = `Unsupported value: '${param}' is not supported: the tool '${name.slice(0, 200)}' is of the type '${defined.slice(0, 100)}', which this server does not offer to the model.`;
  throw badRequest(message, { param, code: 'unsupported_value' });
}

/** Fields that change nothing for some models or some conversations. */
export const modelFields = ['thinking', 'output_config.effort', 'context_management'] as const;
export type ModelField = (typeof modelFields)[number];

interface ThinkingPlan {
  fields: Pick<ChatFields, 'max_thinking_tokens' | 'reasoning_effort'>;
  /** Names of fields that change nothing for this model. */
  noEffect: ModelField[];
}

/**
 * As in Anthropic's API, a model does not think without `thinking` or an effort. For a model that cannot think the fields have no
 * effect, because an effort, a budget and `adaptive` only permit thinking.
 */
export function thinkingPlan(
  request: Pick<CountRequest, 'thinking' | 'output_config' | 'messages'> & { max_tokens?: number },
  { tools = [] }: Pick<ChatFields, 'tools'>,
  { template, toolTemplate }: Pick<ApiContext, 'template' | 'toolTemplate'>,
): ThinkingPlan {
  const { thinking } = request;
  const effort = effortOf(request);
  const used = tools !== null && tools.length > 0 ? (toolTemplate ?? template) : template;
  const thinks = used !== undefined && thinkingTagsOf(used.source) !== undefined;
  const named: ModelField[] = typeof effort === 'string' ? ['output_config.effort'] : [];
  if (!thinks) {
    const permitted = thinking && thinking.type !== 'disabled';
    return { fields: {}, noEffect: permitted ? ['thinking', ...named] : named };
  }
  if (thinking?.type === 'disabled' || (!thinking && effort === undefined)) {
    return { fields: { max_thinking_tokens: 0 }, noEffect: named };
  }
  refuseLargeBudget(request);
  const most = thinking?.type === 'enabled' ? { max_thinking_tokens: thinking.budget_tokens } : {};
  return { fields: { ...most, ...(effort && { reasoning_effort: effort }) }, noEffect: [] };
}

/** The effort of a system message overrides the request's own for the turn that follows. */
function effortOf({ messages, output_config }: Pick<CountRequest, 'messages' | 'output_config'>) {
  const turn = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
  const efforts = turn.map((message) =>
    message.role === 'system' ? message.output_config?.effort : undefined,
  );
  return efforts.findLast((effort) => typeof effort === 'string') ?? output_config?.effort ?? undefined;
}

function refuseLargeBudget({
  thinking,
  max_tokens = Number.POSITIVE_INFINITY,
}: Pick<CountRequest, 'thinking'> & { max_tokens?: number }): void {
  if (thinking?.type !== 'enabled' || thinking.budget_tokens < max_tokens) return;
  const param = 'thinking.budget_tokens';
  const message = `Invalid '${param}': expected less than 'max_tokens', which is ${max_tokens}, but got ${thinking.budget_tokens}.`;
  throw badRequest(message, { param, code: 'integer_above_max_value' });
}
