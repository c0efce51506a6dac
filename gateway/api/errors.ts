// The errors of the API. Each failure becomes an HTTP status, headers, and the error object of OpenAI's API.
import type { GenerationError } from '../engine/messages.ts';

/** `requests` and `tokens`: a limit of one API key is reached. `rate_limit_error`: a limit of all tenants together is reached. */
export type ErrorType = 'invalid_request_error' | 'rate_limit_error' | 'requests' | 'tokens' | 'server_error';

/** A fault in one field of a request. */
export interface FieldFault {
  param: string;
  code: string;
  message: string;
}

/** The content of `error.details`. */
export interface ErrorDetails {
  /** All faults, if there are several. */
  fields?: readonly FieldFault[];
  /** Anthropic's code for a refused field. Anthropic's clients read the code and repeat the request without the field. */
  error_code?: string;
}

export interface ErrorEnvelope {
  error: {
    message: string;
    type: ErrorType;
    param: string | null;
    code: string | null;
    details?: ErrorDetails;
  };
}

interface ErrorOptions {
  status: number;
  message: string;
  type?: ErrorType;
  param?: string | undefined;
  code?: string | undefined;
  details?: ErrorDetails | undefined;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** A failure with its HTTP status. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: ErrorType;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly details: ErrorDetails | undefined;
  readonly headers: Record<string, string>;

  constructor(options: ErrorOptions) {
    const { message, cause } = options;
    // The message may quote text of the client that was cut in the middle of a character.
    super(message.toWellFormed(), cause === undefined ? undefined : { cause });
    this.name = 'ApiError';
    this.status = options.status;
    this.type = options.type ?? 'invalid_request_error';
    this.param = options.param?.toWellFormed();
    this.code = options.code;
    this.details = options.details;
    this.headers = options.headers ?? {};
  }

  /** Always has OpenAI's four keys, because clients read them without a check. */
  get envelope(): ErrorEnvelope {
    const { message, type, param = null, code = null, details } = this;
    return { error: { message, type, param, code, ...(details !== undefined && { details }) } };
  }
}

/** The error of a request with a fault in the field `param`. */
export function badRequest(
  message: string,
  { param, code }: { param?: string; code?: string } = {},
): ApiError {
  return new ApiError({ status: 400, message, param, code });
}

/** The error of a field whose value is refused because of `why`. */
export function invalidValue(param: string, why: string): ApiError {
  return badRequest(`Invalid value for '${param}': ${why}.`, { param, code: 'invalid_value' });
}

export function missingParameter(param: string): ApiError {
  const message = `Missing required parameter: '${param}'.`;
  return badRequest(message, { param, code: 'missing_required_parameter' });
}

/** Largest length of a message about several faults, in characters. Further faults are only in the details. */
const LONGEST_MESSAGE = 4000;

/** The error of a request with faults in several fields. It has the param and the code of the first fault. */
export function badFields(found: readonly [FieldFault, ...FieldFault[]]): ApiError {
  const wellFormed = ({ message, param, code }: FieldFault) => {
    return { message: message.toWellFormed(), param: param.toWellFormed(), code };
  };
  const { message, param, code } = wellFormed(found[0]);
  const others = found.slice(1).map(wellFormed);
  if (others.length === 0) return badRequest(message, { param, code });
  let all = `${message} Also:`;
  let shown = 0;
  for (const other of others) {
    if (all.length + other.message.length >= LONGEST_MESSAGE) break;
    all += ` ${other.message}`;
    shown++;
  }
  if (shown < others.length) all += ` (${others.length - shown} more)`;
  return new ApiError({
    status: 400,
    message: all,
    param,
    code,
    details: { fields: [{ message, param, code }, ...others] },
  });
}

const generationStatus: Record<GenerationError['code'], { status: number; type: ErrorType }> = {
  invalid_request: { status: 400, type: 'invalid_request_error' },
  context_length_exceeded: { status: 400, type: 'invalid_request_error' },
  queue_full: { status: 429, type: 'rate_limit_error' },
  answer_memory: { status: 429, type: 'rate_limit_error' },
  shard_unavailable: { status: 503, type: 'server_error' },
  deadline_exceeded: { status: 504, type: 'server_error' },
  shutting_down: { status: 503, type: 'server_error' },
  internal: { status: 500, type: 'server_error' },
};

/** Retry time if the engine does not name one. */
const RETRY_AFTER_MS = 1000;
/** One day. A larger number might be written with an exponent, which clients cannot read. */
const LONGEST_RETRY_MS = 86_400_000;

/** Translates a failure of the engine. OpenAI's clients retry if `x-should-retry` is true. */
export function fromGeneration({ code, message, retryable, retryAfterMs }: GenerationError): ApiError {
  const { status, type } = generationStatus[code];
  const headers: Record<string, string> = { 'x-should-retry': String(retryable) };
  if (retryable) Object.assign(headers, retryHeaders(retryAfterMs ?? RETRY_AFTER_MS));
  return new ApiError({ status, message, type, code, headers });
}

/** The retry time in whole seconds for all clients, and in milliseconds for OpenAI's clients. */
export function retryHeaders(ms: number): Record<string, string> {
  const waitMs = Math.min(Math.ceil(ms), LONGEST_RETRY_MS);
  return { 'retry-after': String(Math.ceil(waitMs / 1000)), 'retry-after-ms': String(waitMs) };
}

/** A 429 for a request that needs a resource that other requests are using. */
export function tryAgain(message: string, code: string): ApiError {
  const headers = { 'x-should-retry': 'true', ...retryHeaders(RETRY_AFTER_MS) };
  return new ApiError({ status: 429, message, type: 'rate_limit_error', code, headers });
}

/** Any thrown value as an ApiError. The cause of an unexpected error is in the log but not in the answer. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = 'The server had an error while processing your request.';
  return new ApiError({ status: 500, message, type: 'server_error', code: 'internal', cause: error });
}

/** The client closed the connection, so nobody reads the answer. The status 499 comes from nginx. */
export class ClientGone extends ApiError {
  constructor({ cause }: { cause?: unknown } = {}) {
    super({ status: 499, message: 'The client closed the connection.', code: 'client_closed', cause });
    this.name = 'ClientGone';
  }
}
