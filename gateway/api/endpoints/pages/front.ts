// GET /: redirects browsers to the console, and sends other clients the paths of the API.
import type { Context } from 'hono';

/** Paths relative to the path of this answer, because a proxy may serve the gateway below a prefix. */
export const places = {
  console: 'console',
  docs: 'docs',
  openapi: 'openapi.json',
  models: 'v1/models',
  ready: 'health/ready',
} as const;

export function frontDoor(c: Context): Response {
  c.header('vary', 'accept');
  if (c.req.header('accept')?.includes('text/html')) return c.redirect(places.console, 302);
  return c.json({ name: 'expertgrid', ...places });
}
