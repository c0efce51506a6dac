// The response object of OpenAI's Responses API, which contains the settings of the request and the output.
import type { ChoiceUsage } from '../../answers/answer.ts';
import { provenanceOf } from '../../answers/usage.ts';
import { MOST_SCHEMA_NOTES } from '../../endpoints/completion-handler.ts';
import type { ApiError } from '../../errors.ts';
import { withDefaults } from '../../requests/fields/sampling-fields.ts';
import type { SamplingDefaults } from '../../text/sampling-defaults.ts';
import type { ResponsesRequest } from '../schema.ts';
import { isBuiltIn, type Tool } from '../tools/schema.ts';
import type { OutputItem } from './open-item.ts';

export interface ResponseFrame {
  id: string;
  /** Unix seconds. */
  created: number;
  /** Id of the model that answers. */
  model: string;
  seed: number;
  request: ResponsesRequest;
  /** How tokens are drawn if the request does not say. */
  sampling: SamplingDefaults;
  /** Paths in the request of schema parts that are not enforced. */
  schemaNotes?: readonly string[];
}

export type ResponseState =
  | { status: 'in_progress' }
  | { status: 'completed' | 'incomplete'; usage: ChoiceUsage }
  | { status: 'failed'; error: ApiError };

export function responseBody(
  { id, created, model, seed, request, sampling, schemaNotes = [] }: ResponseFrame,
  state: ResponseState,
  output: readonly OutputItem[],
): object {
  const ended = 'usage' in state;
  return {
    id,
    object: 'response',
    access_programs: null,
    created_at: created,
    status: state.status,
    completed_at: state.status === 'completed' ? Math.floor(Date.now() / 1000) : null,
    background: false,
    error: state.status === 'failed' ? responseError(state.error) : null,
    incomplete_details: state.status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    model,
    output,
    usage: ended ? usageOf(state.usage) : null,
    ...settingsOf(request, sampling),
    expertgrid: {
      seed,
      ...(ended && provenanceOf(state.usage)),
      ...(schemaNotes.length > 0 && { schema_notes: schemaNotes.slice(0, MOST_SCHEMA_NOTES) }),
    },
  };
}

/** The request's settings, with defaults for those that it left out. `sampling` has those of the model. */
function settingsOf(request: ResponsesRequest, sampling: SamplingDefaults): object {
  const { temperature, top_p } = withDefaults(request, sampling);
  return {
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    max_tool_calls: request.max_tool_calls ?? null,
    metadata: request.metadata ?? {},
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: request.prompt_cache_key ?? null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    safety_identifier: request.safety_identifier ?? null,
    service_tier: 'default',
    store: false,
    temperature,
    text: {
      format: request.text?.format ?? { type: 'text' },
      verbosity: request.text?.verbosity ?? 'medium',
    },
    tool_choice: request.tool_choice ?? 'auto',
    tools: (request.tools ?? []).filter((tool) => !isBuiltIn(tool)).map(shownTool),
    top_logprobs: request.top_logprobs ?? 0,
    top_p,
    truncation: request.truncation ?? 'disabled',
    user: request.user ?? null,
  };
}

/** As in OpenAI's answers, a function also has the fields that the request left out. */
function shownTool(tool: Tool): object {
  if (tool.type !== 'function') return tool;
  return { description: null, parameters: null, strict: null, ...tool };
}

function usageOf({
  promptTokens,
  completionTokens,
  cachedTokens = 0,
  reasoningTokens = 0,
}: ChoiceUsage): object {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: 0 },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  };
}

/** OpenAI defines few codes for a failed response, so only the message names the fault. */
function responseError({ status, message }: ApiError): object {
  const code = { 400: 'invalid_prompt', 429: 'rate_limit_exceeded' }[status] ?? 'server_error';
  return { code, message };
}
