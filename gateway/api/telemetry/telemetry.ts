// What this room tells of a request to whoever traces requests: when it came, what became of it, and how long each
// generation waited, read its prompt and wrote. Knows no tracing library.
import type { Began, DegradedHops } from '../../engine/messages.ts';

/** The caller's own trace, as W3C Trace Context has it in headers; unparsed. */
export interface CallerTrace {
  traceparent: string | undefined;
  tracestate: string | undefined;
}

export interface Tracing {
  /** A request has come just now. Must neither throw nor wait. */
  begin(caller: CallerTrace): RequestTrace;
}

export interface RequestTrace {
  /** 32 hexadecimal digits: the caller's, where it sent one. */
  readonly traceId: string;
  /** For a call that is made in this request's name. */
  readonly traceparent: string;
  /** Called once, when the request is over; a trace that never ends is not told. Must neither throw nor wait. */
  end(story: RequestStory): void;
}

export interface RequestStory {
  requestId: string;
  method: string;
  path: string;
  /** The route, as in `/v1/models/{id}`. */
  endpoint: string;
  /** 499: the caller left. */
  status: number;
  durationMs: number;
  /** Code of the error, or its type. */
  error: string | undefined;
  /** As the caller named it. */
  requestedModel: string | undefined;
  /** Id of the one that answered. */
  model: string | undefined;
  /** Name of the caller's key. */
  key: string | undefined;
  promptTokens: number;
  completionTokens: number;
  /** Undefined: the engine did not tell. */
  cachedTokens: number | undefined;
  degradedHops: DegradedHops;
  /** Of all choices, each once. */
  finishReasons: readonly string[];
  /** Outside the engine; undefined where no engine was asked. */
  apiMs: number | undefined;
  /** In the order in which they were begun. */
  generations: readonly GenerationTimes[];
}

/** One choice's way through the engine. Milliseconds since the request came. */
export interface GenerationTimes {
  /** Place among the request's choices. */
  index: number;
  askedAt: number;
  /** Undefined: it ended before its first token. */
  began: Began | undefined;
  endedAt: number;
}
