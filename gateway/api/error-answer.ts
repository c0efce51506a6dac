// The HTTP answer to an error, in the shape that the client expects.
import { anthropicError, anthropicStatus } from './anthropic/errors.ts';
import type { ApiError } from './errors.ts';

export function errorAnswer(
  error: ApiError,
  { requestId, anthropic }: { requestId: string; anthropic: boolean },
): Response {
  const headers = { 'x-request-id': requestId, ...error.headers };
  if (!anthropic) return Response.json(error.envelope, { status: error.status, headers });
  return Response.json(anthropicError(error, requestId), {
    status: anthropicStatus(error),
    headers: { ...headers, 'request-id': requestId },
  });
}
