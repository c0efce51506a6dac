// Which web pages may call: CORS for the origins that the operator names. Knows no keys; a preflight has none.
import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { NO_EFFECT } from '../requests/fields/no-effect.ts';

/** What a page's script may read of an answer beside its body. */
const exposed = [
  'openai-processing-ms',
  'request-id',
  'retry-after',
  'retry-after-ms',
  'x-expertgrid-gateway',
  NO_EFFECT,
  'x-expertgrid-seed',
  'x-request-id',
  'x-should-retry',
  ...['limit', 'remaining', 'reset'].flatMap((what) =>
    ['requests', 'tokens'].map((kind) => `x-ratelimit-${what}-${kind}`),
  ),
];

/** `*` allows every page. Headers that a page asks for are allowed whatever they are: keys are not sent by browsers unasked. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: ['GET', 'HEAD', 'POST'],
    exposeHeaders: exposed,
    maxAge: 600,
  });
}
