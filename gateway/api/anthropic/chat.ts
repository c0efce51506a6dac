// From a request for a message, or for its count of tokens, to the chat request that asks for the same. Pure; knows no engine.
import type { ApiContext } from '../context.ts';
import { badRequest } from '../errors.ts';
import { extrasOf } from '../extra-fields.ts';
import type { FieldNames } from '../renamed-fields.ts';
import { thinkingTagsOf } from '../thinking.ts';
import type { ChatFields, TranslatedChat } from '../translated-chat.ts';
import { chatMessages } from './messages.ts';
import type { CountRequest, MessagesRequest } from './schema.ts';

const fieldNames: FieldNames = [
  ['stop', 'stop_sequences'],
  ['user', 'metadata.user_id'],
  ['reasoning_effort', 'thinking'],
  ['max_thinking_tokens', 'thinking'],
  ['parallel_tool_calls', 'tool_choice.disable_parallel_tool_use'],
  ['tool_choice.function', 'tool_choice'],
  ['response_format', 'output_config.format'],
  ['response_format.json_schema', 'output_config.format'],
];

/** All that becomes the prompt, but for thinking: that is asked of the model's template. */
export function chatOfPrompt(request: CountRequest): TranslatedChat {
  const { messages, names } = chatMessages(request);
  const { model, tools, tool_choice, output_config } = request;
  const parallel = tool_choice && 'disable_parallel_tool_use' in tool_choice;
  const chat = {
    model,
    messages,
    ...(tools && tools.length > 0 && { tools: tools.map(chatTool) }),
    tool_choice: chatToolChoice(request),
    ...(parallel && tool_choice.disable_parallel_tool_use === true && { parallel_tool_calls: false }),
    ...(output_config?.format && {
      response_format: {
        type: 'json_schema' as const,
        json_schema: { name: 'output', schema: output_config.format.schema, strict: true },
      },
    }),
  };
  const ofTools = (tools ?? []).flatMap((_, i) => [
    [`tools[${i}].function`, `tools[${i}]`] as const,
    [`tools[${i}].function.parameters`, `tools[${i}].input_schema`] as const,
  ]);
  return { chat, names: [...fieldNames, ...ofTools, ...names] };
}

/** Without `max_tokens`: how many fit is known once the prompt is. */
export function chatOfMessage(request: MessagesRequest): TranslatedChat {
  refuseLargeBudget(request);
  const { chat, names } = chatOfPrompt(request);
  const { stop_sequences, temperature, top_p, top_k, stream, metadata } = request;
  const own = { stop: stop_sequences, temperature, top_p, top_k, stream, user: metadata?.user_id };
  return { chat: { ...chat, ...own, ...extrasOf(request) }, names };
}

function chatTool({ name, description, input_schema, strict }: NonNullable<CountRequest['tools']>[number]) {
  return { type: 'function' as const, function: { name, description, parameters: input_schema, strict } };
}

function chatToolChoice({ tool_choice: choice }: CountRequest): ChatFields['tool_choice'] {
  switch (choice?.type) {
    case 'any':
      return 'required';
    case 'tool':
      return { type: 'function', function: { name: choice.name } };
    default:
      return choice?.type;
  }
}

/** Without the field Anthropic's models do not think; of a model that cannot, nothing need be asked then. */
export function thinkingFields(
  { thinking, tools }: Pick<CountRequest, 'thinking' | 'tools'>,
  { template, toolTemplate }: Pick<ApiContext, 'template' | 'toolTemplate'>,
): Pick<ChatFields, 'max_thinking_tokens'> {
  if (thinking?.type === 'enabled') return { max_thinking_tokens: thinking.budget_tokens };
  const used = tools && tools.length > 0 ? (toolTemplate ?? template) : template;
  const thinks = used !== undefined && thinkingTagsOf(used.source) !== undefined;
  return thinks && thinking?.type !== 'adaptive' ? { max_thinking_tokens: 0 } : {};
}

function refuseLargeBudget({ thinking, max_tokens }: MessagesRequest): void {
  if (thinking?.type !== 'enabled' || thinking.budget_tokens < max_tokens) return;
  const param = 'thinking.budget_tokens';
  const message = `Invalid '${param}': expected less than 'max_tokens', which is ${max_tokens}, but got ${thinking.budget_tokens}.`;
  throw badRequest(message, { param, code: 'integer_above_max_value' });
}
