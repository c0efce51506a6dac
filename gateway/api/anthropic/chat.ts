// Translates a request of Anthropic's Messages API, or a request that only counts tokens, to the equivalent chat request.
import { badRequest } from '../errors.ts';
import { extrasOf } from '../requests/fields/extra-fields.ts';
import type { FieldNames } from '../requests/renamed-fields.ts';
import type { ChatFields, TranslatedChat } from '../requests/translated-chat.ts';
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

/** Translates the fields that become the prompt. prompt.ts adds the fields about thinking, which depend on the model. */
export function chatOfPrompt(request: CountRequest): TranslatedChat {
  const { messages, names } = chatMessages(request);
  const { model, tool_choice } = request;
  const tools = offeredTools(request);
  const parallel = tool_choice && 'disable_parallel_tool_use' in tool_choice;
  const format = formatOf(request);
  const chat = {
    model,
    messages,
    // As in Anthropic's API, an answer continues a conversation that ends with an assistant message.
    ...(request.messages.at(-1)?.role === 'assistant' && { continue_final_message: true }),
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
  // A request without a list of tools may still have tools, because system messages may define some.
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

/** Leaves out `max_tokens`: a chat refuses a value beyond the room in the context, but Anthropic's API accepts such a value. */
export function chatOfMessage(request: MessagesRequest): TranslatedChat {
  const { chat, names } = chatOfPrompt(request);
  const { stop_sequences, temperature, top_p, top_k, stream, metadata } = request;
  const own = { stop: stop_sequences, temperature, top_p, top_k, stream, user: metadata?.user_id };
  return { chat: { ...chat, ...own, ...extrasOf(request) }, names };
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

/** Refuses a forced call of a tool that Anthropic defines, because such a tool is not offered to the model. */
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
