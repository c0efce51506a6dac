// Builds a request's spans and attributes by OpenTelemetry's conventions (HTTP server spans, generative AI). Pure.
//
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/, …/gen-ai/gen-ai-spans/
import type { RequestStory } from '../gateway/api/telemetry/telemetry.ts';

export type Attributes = Record<string, string | number | string[]>;

/** `from` and `to`: milliseconds since the request arrived. */
export interface Phase {
  name: 'queue' | 'prefill' | 'decode';
  from: number;
  to: number;
  attributes: Attributes;
}

/** For each endpoint that generates text, the conventions' name of its operation. */
const operations: Readonly<Record<string, string>> = {
  '/v1/completions': 'text_completion',
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
  '/v1/messages': 'chat',
};

export function spanName({ method, endpoint }: RequestStory): string {
  return endpoint === 'unmatched' ? method : `${method} ${endpoint}`;
}

/** By the conventions, a server span fails only if the server is at fault, not after a caller's mistake. */
export function hasFailed({ status }: RequestStory): boolean {
  return status >= 500;
}

export function requestAttributes(story: RequestStory): Attributes {
  const { endpoint, status } = story;
  const operation = operations[endpoint];
  const degraded = Object.entries(story.degradedHops).map(([rung, hops]) => [
    `expertgrid.degraded_hops.${rung}`,
    hops,
  ]);
  return present({
    'http.request.method': story.method,
    'http.route': endpoint === 'unmatched' ? undefined : endpoint,
    'http.response.status_code': status,
    'url.path': story.path,
    'url.scheme': 'http',
    'error.type': status >= 400 ? (story.error ?? String(status)) : undefined,
    'expertgrid.request_id': story.requestId,
    'expertgrid.key': story.key,
    'expertgrid.api_overhead_ms': story.apiMs,
    ...(operation !== undefined && generated(story, operation)),
    ...Object.fromEntries(degraded),
  });
}

function generated(story: RequestStory, operation: string): Record<string, Attributes[string] | undefined> {
  const { finishReasons } = story;
  return {
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': 'expertgrid',
    'gen_ai.request.model': story.requestedModel,
    'gen_ai.response.model': story.model,
    'gen_ai.response.finish_reasons': finishReasons.length > 0 ? [...finishReasons] : undefined,
    'gen_ai.usage.input_tokens': story.promptTokens,
    'gen_ai.usage.output_tokens': story.completionTokens,
    'gen_ai.usage.cache_read.input_tokens': story.cachedTokens,
  };
}

/** The phases of every choice whose generation has begun. */
export function phases({ generations }: RequestStory): Phase[] {
  return generations.flatMap(({ index, askedAtMs, began, endedAtMs }): Phase[] => {
    if (began === undefined) return [];
    const attributes = { 'expertgrid.choice': index };
    const admitted = askedAtMs + began.queuedMs;
    const prefilled = admitted + began.prefillMs;
    return [
      { name: 'queue', from: askedAtMs, to: admitted, attributes },
      { name: 'prefill', from: admitted, to: prefilled, attributes },
      { name: 'decode', from: prefilled, to: Math.max(prefilled, endedAtMs), attributes },
    ];
  });
}

/** The attributes that are not undefined. */
function present(attributes: Record<string, Attributes[string] | undefined>): Attributes {
  const known: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) known[name] = value;
  return known;
}
