// From a Responses request to the chat request that asks for the same. Pure; knows no engine.
import { badRequest } from '../errors.ts';
import { extrasOf } from '../extra-fields.ts';
import type { FieldNames } from '../renamed-fields.ts';
import type { ChatFields, TranslatedChat } from '../translated-chat.ts';
import { chatMessages } from './messages.ts';
import type { ResponsesRequest } from './schema.ts';

const fieldNames: FieldNames = [
  ['max_tokens', 'max_output_tokens'],
  ['max_completion_tokens', 'max_output_tokens'],
  ['reasoning_effort', 'reasoning.effort'],
  ['max_thinking_tokens', 'reasoning.effort'],
  ['logprobs', 'include'],
  ['tool_choice.function', 'tool_choice'],
  ['tool_choice.allowed_tools', 'tool_choice'],
  ['response_format', 'text.format'],
  ['response_format.json_schema', 'text.format'],
];

export function chatOfResponse(request: ResponsesRequest): TranslatedChat {
  const { messages, names } = chatMessages(request);
  const { model, tools, max_output_tokens, reasoning, text, include, top_logprobs } = request;
  const logprobs = include?.includes('message.output_text.logprobs') === true;
  if (!logprobs && (top_logprobs ?? 0) > 0) {
    const message =
      "The 'top_logprobs' parameter is only allowed with 'message.output_text.logprobs' in 'include'.";
    throw badRequest(message, { param: 'top_logprobs', code: 'invalid_parameter_combination' });
  }
  const chat = {
    model,
    messages,
    max_completion_tokens: max_output_tokens,
    reasoning_effort: reasoning?.effort,
    ...(tools && tools.length > 0 && { tools: tools.map(chatTool) }),
    tool_choice: chatToolChoice(request),
    parallel_tool_calls: request.parallel_tool_calls,
    response_format: responseFormat(text?.format),
    ...(logprobs && { logprobs, top_logprobs: top_logprobs ?? 0 }),
    temperature: request.temperature,
    top_p: request.top_p,
    top_k: request.top_k,
    stop: request.stop,
    stream: request.stream,
    user: request.user,
    prompt_cache_key: request.prompt_cache_key,
    ...extrasOf(request),
  };
  const ofTools = (tools ?? []).map((_, i) => [`tools[${i}].function`, `tools[${i}]`] as const);
  return { chat, names: [...fieldNames, ...ofTools, ...allowedNames(request), ...names] };
}

function chatTool({ type, ...described }: NonNullable<ResponsesRequest['tools']>[number]) {
  return { type, function: described };
}

function chatToolChoice({ tool_choice: choice }: ResponsesRequest): ChatFields['tool_choice'] {
  if (typeof choice !== 'object' || choice === null) return choice;
  if (choice.type === 'function') return { type: 'function', function: { name: choice.name } };
  const allowed = choice.tools.map(({ name }) => ({ type: 'function' as const, function: { name } }));
  return { type: 'allowed_tools', allowed_tools: { mode: choice.mode, tools: allowed } };
}

function allowedNames({ tool_choice: choice }: ResponsesRequest): FieldNames {
  if (typeof choice !== 'object' || choice?.type !== 'allowed_tools') return [];
  return choice.tools.map((_, i) => [
    `tool_choice.allowed_tools.tools[${i}].function`,
    `tool_choice.tools[${i}]`,
  ]);
}

function responseFormat(format: NonNullable<ResponsesRequest['text']>['format']) {
  if (format?.type !== 'json_schema') return format;
  const { type, ...json_schema } = format;
  return { type, json_schema };
}
