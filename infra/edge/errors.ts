// Errors of the edge itself, in the format of the endpoint. The gateway's own errors are relayed unchanged.
import { anthropicType } from '../../tenancy/error-types.ts';
import type { Format } from './requests/endpoints.ts';

export interface EdgeError {
  status: number;
  message: string;
  /** A stable name of the cause, for programs. */
  code: string;
  /** Type in OpenAI's format. Default: that of the status. */
  type?: string;
  /** The field that is wrong. */
  param?: string;
  /** Seconds after which the client may try again. */
  retryAfter?: number;
  headers?: Record<string, string>;
}

export const unreachable: EdgeError = {
  status: 502,
  message: 'The gateway could not be reached, or closed the connection without an answer. Try again.',
  code: 'gateway_unreachable',
};

/** After a request has waited for a cell that is scaled to zero. */
export const notStarted: EdgeError = {
  status: 503,
  message: 'No gateway is ready yet. The service may be starting. Try again.',
  code: 'no_gateway_ready',
  retryAfter: 5,
};

export const streamLost: EdgeError = {
  status: 502,
  message:
    'The gateway was lost and no other gateway could continue the stream: the text so far is incomplete. Send the request again.',
  code: 'stream_lost',
};

export const shuttingDown: EdgeError = {
  status: 503,
  message: 'The edge is shutting down. Try again.',
  code: 'shutting_down',
  retryAfter: 1,
};

export const internal: EdgeError = {
  status: 500,
  message: 'The edge had an error while relaying your request.',
  code: 'edge_internal',
};

/** In OpenAI's format. Always has all four keys, because clients read them without a check. */
export function envelope({ status, message, code, type, param }: ErrorFacts) {
  const known = type ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  return { error: { message, type: known, param: param ?? null, code } };
}

type ErrorFacts = Pick<EdgeError, 'status' | 'message' | 'code' | 'type' | 'param'>;

function anthropic({ status, message }: EdgeError, requestId: string) {
  return {
    type: 'error',
    error: { type: anthropicType(status), message },
    request_id: requestId,
  };
}

export function errorAnswer(
  error: EdgeError,
  { format, requestId }: { format: Format; requestId: string },
): Response {
  const { status, retryAfter } = error;
  const headers = new Headers({ ...error.headers, 'x-request-id': requestId });
  if (retryAfter !== undefined) headers.set('retry-after', String(retryAfter));
  const body = format === 'messages' ? anthropic(error, requestId) : envelope(error);
  return Response.json(body, { status, headers });
}

interface Lost {
  requestId: string;
  /** Number of events that the client has received. */
  events: number;
}

const failures: Record<Format, (error: EdgeError, lost: Lost) => string> = {
  choices: (error) => `data: ${JSON.stringify(envelope(error))}\n\n`,
  messages: (error, { requestId }) =>
    `event: error\ndata: ${JSON.stringify(anthropic(error, requestId))}\n\n`,
  responses: ({ code, message }, { events }) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', code, message, param: null, sequence_number: events })}\n\n`,
};

/** The error event that ends a stream. */
export function errorEvent(format: Format, error: EdgeError, lost: Lost): string {
  return failures[format](error, lost);
}
