// CORS for the web pages that the operator allows. This check runs before that of API keys, because a preflight request has no key.
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';

/** Headers of an answer that a page's script may read. */
const exposed = [
  'openai-processing-ms',
  'request-id',
  'retry-after',
  'retry-after-ms',
  'x-expertgrid-gateway',
  'x-expertgrid-no-effect',
  'x-expertgrid-seed',
  'x-request-id',
  'x-should-retry',
  ...['limit', 'remaining', 'reset'].flatMap((what) =>
    ['requests', 'tokens'].flatMap((kind) => [
      `x-ratelimit-${what}-${kind}`,
      `anthropic-ratelimit-${kind}-${what}`,
    ]),
  ),
];

/** The origin as browsers send it. Undefined if the text is no origin, because it would match no request. */
export function pageOrigin(text: string): string | undefined {
  const origin = URL.canParse(text) ? new URL(text).origin : undefined;
  return origin === text.replace(/\/$/, '') && origin !== 'null' ? origin : undefined;
}

/** `*` allows every page. All request headers may be allowed, because no browser adds an API key by itself. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD', 'POST'],
    exposeHeaders: exposed,
    maxAge: 600,
  });
}
