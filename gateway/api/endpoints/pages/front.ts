// GET /: a browser is sent to the console, a program is told where things are. Knows no page.
import type { Context } from 'hono';

/** As the pages' own names, from where the answer lies: a proxy may put it below a prefix. */
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
