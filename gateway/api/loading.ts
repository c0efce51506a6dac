// What a server answers while its models are being loaded: it lives, and nothing else can be had yet. Knows no engine.
import { randomUUID } from 'node:crypto';
import { errorAnswer } from './error-answer.ts';
import { speaksAnthropic } from './error-shape.ts';
import { ApiError, retryHeaders } from './errors.ts';

/** Callers need not ask more often. Milliseconds. */
const RETRY_MS = 2_000;

/**
 * `/health` is 200 and `/health/ready` 503, so that a probe of liveness lets the server load and one of readiness sends it no
 * callers. Everything else is 503 with `retry-after`: a request that waited here would hold its caller up for as long as the
 * load takes, while another server could answer it.
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
