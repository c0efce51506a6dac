// GET /console: the operator's page and its files, as they lie in console/, with a policy that keeps it to itself. Knows
// nothing of what the page shows.
import type { Context } from 'hono';
import { StaticFiles } from './static-files.ts';

const folder = new URL('../../../../console/', import.meta.url);

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const policy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const headers = { 'content-security-policy': policy };
const page = new StaticFiles(folder, { headers, names: /^index\.html$/ });
const files = new StaticFiles(folder, { headers, names: /^([a-z]+\/)?[a-z][a-z-]*\.(js|css|svg)$/ });

/**
 * The page, or the file of it that the path names. The page's own names are relative, for proxies that put it below a
 * prefix: it has no slash behind it. Throws a 404 if there is no such file.
 */
export async function consoleFile(c: Context): Promise<Response> {
  const file: string | undefined = c.req.param('file');
  if (file === undefined && new URL(c.req.url).pathname.endsWith('/')) return c.redirect('../console', 308);
  return await (file === undefined ? page.send(c, 'index.html') : files.send(c, file));
}
