// GET /console: the operator's page and its files in console/, with a content security policy.
import type { Context } from 'hono';
import { StaticFiles } from './static-files.ts';

const folder = new URL('../../../../console/', import.meta.url);

/** Allows nothing from other origins and nothing inline, and no frame may contain the page. */
const policy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const headers = { 'content-security-policy': policy };
const page = new StaticFiles(folder, { headers, names: /^index\.html$/ });
const files = new StaticFiles(folder, { headers, names: /^([a-z]+\/)?[a-z][a-z-]*\.(js|css|svg)$/ });

/**
 * The page, or the file that the path names. The page refers to its files by relative paths, so that a proxy may serve it below a
 * prefix. Its own path therefore has no slash at the end. Throws a 404 if there is no such file.
 */
export async function consoleFile(c: Context): Promise<Response> {
  const file: string | undefined = c.req.param('file');
  if (file === undefined && new URL(c.req.url).pathname.endsWith('/')) return c.redirect('../console', 308);
  return await (file === undefined ? page.send(c, 'index.html') : files.send(c, file));
}
