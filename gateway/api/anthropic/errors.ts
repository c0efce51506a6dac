// Translates an ApiError to the shape of Anthropic's API: status, type and envelope.
import { anthropicType } from '../../../tenancy/error-types.ts';
import { ApiError, type ErrorDetails } from '../errors.ts';

export interface AnthropicError {
  type: 'error';
  error: { type: string; message: string; details?: ErrorDetails };
  request_id: string;
}

/** In Anthropic's API a full queue is a 529, and a 429 means that a limit of the API key is reached. */
export function anthropicStatus({ status, code }: ApiError): number {
  return code === 'queue_full' ? 529 : status;
}

export function anthropicError(error: ApiError, requestId: string): AnthropicError {
  const type = anthropicType(anthropicStatus(error));
  const { message, details } = error;
  const body = { type, message, ...(details !== undefined && { details }) };
  return { type: 'error', error: body, request_id: requestId };
}

/** Throws a 400 for `thread`, because no conversations are stored. Anthropic's clients then repeat the request without `thread`. */
export function refuseThread({ thread }: Record<string, unknown>): void {
  if (thread === undefined) return;
  throw new ApiError({
    status: 400,
    message:
      "Unsupported parameter: 'thread' is not supported: this server keeps no conversations. Send the whole conversation without it.",
    param: 'thread',
    code: 'unsupported_parameter',
    details: { error_code: 'thread_unsupported_request' },
  });
}
