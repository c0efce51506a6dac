// A request's spans and attributes as OpenTelemetry's conventions name them (HTTP server spans, generative AI). Pure.
//
// https://opentelemetry.io/docs/specs/semconv/http/http-spans/, …/gen-ai/gen-ai-spans/
import type { GenerationTimes, RequestStory } from '../gateway/api/telemetry/telemetry.ts';

export type Attributes = Record<string, string | number | string[]>;

/** Milliseconds since the request came. */
export interface Phase {
  name: 'queue' | 'prefill' | 'decode';
  from: number;
  to: number;
  attributes: Attributes;
}

/** The conventions' name of the operation, by endpoint that generates. */
const operations: Readonly<Record<string, string>> = {
  '/v1/completions': 'text_completion',
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
  '/v1/messages': 'chat',
};

export function spanName({ method, endpoint }: RequestStory): string {
  return endpoint === 'unmatched' ? method : `${method} ${endpoint}`;
}

/** A server span has failed only if the server has failed, not if the caller made a mistake. */
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
  return generations.flatMap(phasesOf);
}

function phasesOf({ index, askedAtMs, began, endedAtMs }: GenerationTimes): Phase[] {
  if (began === undefined) return [];
  const attributes = { 'expertgrid.choice': index };
  const letIn = askedAtMs + began.queuedMs;
  const read = letIn + began.prefillMs;
  return [
    { name: 'queue', from: askedAtMs, to: letIn, attributes },
    { name: 'prefill', from: letIn, to: read, attributes },
    { name: 'decode', from: read, to: Math.max(read, endedAtMs), attributes },
  ];
}

function present(attributes: Record<string, Attributes[string] | undefined>): Attributes {
  const told: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) told[name] = value;
  return told;
}
