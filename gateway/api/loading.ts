// The answers of a server that is alive but not ready, because it is still loading its models.
import { randomUUID } from 'node:crypto';
import { errorAnswer, speaksAnthropic } from './error-answer.ts';
import { ApiError, retryHeaders } from './errors.ts';

/** Retry time in these answers. */
const RETRY_MS = 2_000;

/**
 * `/health` is 200, so that a liveness probe does not restart the server. `/health/ready` is 503, so that a load
 * balancer sends no requests here. All other paths are 503 with `retry-after`, so that clients try again later.
 */
export function createLoadingApi(models: readonly string[]): { fetch: (request: Request) => Response } {
  const reason = `The server is loading ${models.join(', ')}.`;
  return {
    fetch(request) {
      const path = new URL(request.url).pathname;
      const probe = /^(?:\/v1)?(\/health(?:\/ready)?)\/?$/.exec(path)?.[1];
      if (probe === '/health') return Response.json({ status: 'ok' });
      if (probe !== undefined)
        return Response.json({ status: 'not_ready', reason, missing: [] }, { status: 503 });
      const headers = { 'x-should-retry': 'true', ...retryHeaders(RETRY_MS) };
      const error = new ApiError({
        status: 503,
        message: `${reason} Try again.`,
        type: 'server_error',
        code: 'loading',
        headers,
      });
      const version = request.headers.get('anthropic-version') ?? undefined;
      const requestId = `req_${randomUUID().replaceAll('-', '')}`;
      return errorAnswer(error, { requestId, anthropic: speaksAnthropic({ path, version }) });
    },
  };
}
