// Translates a Responses request to the equivalent chat request.
import { badRequest } from '../errors.ts';
import { extrasOf } from '../requests/fields/extra-fields.ts';
import type { FieldNames } from '../requests/renamed-fields.ts';
import type { TranslatedChat } from '../requests/translated-chat.ts';
import { chatMessages } from './input/messages.ts';
import type { ResponsesRequest } from './schema.ts';
import { type OfferedTools, offeredTools } from './tools/offered-tools.ts';
import { chatToolChoice } from './tools/tool-choice.ts';

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

interface TranslatedResponse extends TranslatedChat {
  offered: OfferedTools;
}

export function chatOfResponse(request: ResponsesRequest): TranslatedResponse {
  const { messages, names } = chatMessages(request);
  const offered = offeredTools(toolLists(request));
  const choice = chatToolChoice(request, offered);
  const { model, max_output_tokens, reasoning, text, include, top_logprobs } = request;
  const { temperature, top_p, top_k, stop, stream, user, prompt_cache_key, parallel_tool_calls } = request;
  const unchanged = { temperature, top_p, top_k, stop, stream, user, prompt_cache_key, parallel_tool_calls };
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
    ...(offered.tools.length > 0 && { tools: offered.tools }),
    tool_choice: choice.chosen,
    response_format: responseFormat(text?.format),
    ...(logprobs && { logprobs, top_logprobs: top_logprobs ?? 0 }),
    ...unchanged,
    ...extrasOf(request),
  };
  return { chat, names: [...fieldNames, ...offered.names, ...choice.names, ...names], offered };
}

/** The lists of tools in the request and in its items, each with its path in the request. */
function toolLists({ tools, input }: ResponsesRequest) {
  const items = typeof input === 'string' ? [] : input;
  const within = items.flatMap((item, i) => {
    const hasTools = item.type === 'additional_tools' || item.type === 'tool_search_output';
    return hasTools ? [{ tools: item.tools, at: `input[${i}].tools` }] : [];
  });
  return [{ tools: tools ?? [], at: 'tools' }, ...within];
}

function responseFormat(format: NonNullable<ResponsesRequest['text']>['format']) {
  if (format?.type !== 'json_schema') return format;
  const { type, ...json_schema } = format;
  return { type, json_schema };
}
