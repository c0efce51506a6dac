// Writes an error as the HTTP answer, in the shape of OpenAI's or Anthropic's API.
import { anthropicError, anthropicStatus } from './anthropic/errors.ts';
import { operations } from './endpoints/openapi/operations.ts';
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

/** For the first segment of each path whose errors have only one shape: whether that shape is Anthropic's. */
const anthropicOf = new Map(
  operations.flatMap(({ path, errors = ['Error'] }) => {
    return errors.length === 1 ? [[firstName(path), errors[0] === 'AnthropicError'] as const] : [];
  }),
);

/** Whether the client expects Anthropic's shape. The header `anthropic-version` decides if the path has both shapes. */
export function speaksAnthropic({ path, version }: { path: string; version: string | undefined }): boolean {
  return anthropicOf.get(firstName(path)) ?? version !== undefined;
}

function firstName(path: string): string {
  return path.replace(/^\/v1(?=\/)/, '').split('/')[1] ?? '';
}
