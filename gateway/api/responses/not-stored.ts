// The 404s of OpenAI's paths that need stored responses. Each message says what to send instead.
import type { Context } from 'hono';
import { ApiError } from '../errors.ts';

const LONGEST_ID = 100;

export function responseNotFound(c: Context): ApiError {
  const id = c.req.param('id') ?? '';
  const message =
    `Response with id '${id.slice(0, LONGEST_ID)}' not found: this server stores no responses. ` +
    "Keep the answer of POST /v1/responses, and send all items of the conversation in 'input'.";
  return new ApiError({ status: 404, message, param: 'response_id', code: 'response_not_found' });
}

export function noCompaction(): ApiError {
  const message =
    "This server compacts no conversations. Let a model summarize it by POST /v1/responses, and send the summary in 'input'.";
  return new ApiError({ status: 404, message, code: 'unknown_url' });
}
