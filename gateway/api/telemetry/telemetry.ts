// The interface between gateway/api and request tracing: when a request arrived, how it ended, and when each generation waited,
// prefilled and decoded.
import type { Began, DegradedHops } from '../../engine/messages.ts';

/** The client's own trace, as the unparsed headers of W3C Trace Context. */
export interface CallerTrace {
  traceparent: string | undefined;
  tracestate: string | undefined;
}

export interface Tracing {
  /** Begins the trace of a request that has just arrived. Must not throw. */
  begin(caller: CallerTrace): RequestTrace;
}

export interface RequestTrace {
  /** 32 hexadecimal digits. The same as the client's trace id, if the client sent one. */
  readonly traceId: string;
  /** Value of the header `traceparent` for calls on behalf of this request. */
  readonly traceparent: string;
  /** Called once, at the end of the request. A trace that is never ended is not exported. Must not throw. */
  end(story: RequestStory): void;
}

/** Everything that a trace contains about a request that has ended. */
export interface RequestStory {
  requestId: string;
  method: string;
  path: string;
  /** Path of the route, such as `/v1/models/{id}`. */
  endpoint: string;
  /** HTTP status. 499 means that the client left. */
  status: number;
  durationMs: number;
  /** The code of the error that ended the request, or else its type. */
  error: string | undefined;
  /** Name of the model in the request. */
  requestedModel: string | undefined;
  /** Id of the model that answered. */
  model: string | undefined;
  /** Name of the API key. */
  key: string | undefined;
  promptTokens: number;
  completionTokens: number;
  /** Prompt tokens that were found in the cache. Undefined: the engine did not report them. */
  cachedTokens: number | undefined;
  degradedHops: DegradedHops;
  /** The finish reasons of all choices, without repetitions. */
  finishReasons: readonly string[];
  /** How long gateway/api itself worked on the request. Undefined if the request did not reach an engine. */
  apiMs: number | undefined;
  /** The generations, in the order in which they began. */
  generations: readonly GenerationTimes[];
}

/** The times of one choice in the engine, in milliseconds since the request arrived. */
export interface GenerationTimes {
  /** Index among the request's choices. */
  index: number;
  /** When the engine was asked for the choice. */
  askedAtMs: number;
  /** The engine's own times. Undefined if the generation ended before its first token. */
  began: Began | undefined;
  endedAtMs: number;
}
