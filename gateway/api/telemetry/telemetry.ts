// The interface between this room and request tracing: when a request came, how it ended, and how long each generation waited,
// prefilled and decoded.
import type { Began, DegradedHops } from '../../engine/messages.ts';

/** The client's own trace: the unparsed headers of W3C Trace Context. */
export interface CallerTrace {
  traceparent: string | undefined;
  tracestate: string | undefined;
}

export interface Tracing {
  /** Begins the trace of a request that has just arrived. Must neither throw nor wait. */
  begin(caller: CallerTrace): RequestTrace;
}

export interface RequestTrace {
  /** 32 hexadecimal digits. The client's, if it sent one. */
  readonly traceId: string;
  /** Header for calls on behalf of this request. */
  readonly traceparent: string;
  /** Called once at the end of the request. A trace that never ends is not exported. Must neither throw nor wait. */
  end(story: RequestStory): void;
}

export interface RequestStory {
  requestId: string;
  method: string;
  path: string;
  /** Path of the route, such as `/v1/models/{id}`. */
  endpoint: string;
  /** 499: the client left. */
  status: number;
  durationMs: number;
  /** Code of the error, or its type. */
  error: string | undefined;
  /** Name of the model in the request. */
  requestedModel: string | undefined;
  /** Id of the model that answered. */
  model: string | undefined;
  /** Name of the API key. */
  key: string | undefined;
  promptTokens: number;
  completionTokens: number;
  /** Undefined: the engine did not report it. */
  cachedTokens: number | undefined;
  degradedHops: DegradedHops;
  /** The different finish reasons of all choices. */
  finishReasons: readonly string[];
  /** Time outside the engine. Undefined if no engine was asked. */
  apiMs: number | undefined;
  /** In the order in which they began. */
  generations: readonly GenerationTimes[];
}

/** The times of one choice in the engine, in milliseconds since the request arrived. */
export interface GenerationTimes {
  /** Index among the request's choices. */
  index: number;
  askedAt: number;
  /** Undefined if it ended before its first token. */
  began: Began | undefined;
  endedAt: number;
}
