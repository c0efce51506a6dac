// GET /console: the operator's page, and its files from the folder console/.
import type { Context } from 'hono';
import { StaticFiles } from './static-files.ts';

const folder = new URL('../../../../console/', import.meta.url);

/** Forbids content from other origins, inline scripts and styles, and frames that contain the page. */
const policy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const headers = { 'content-security-policy': policy };
const page = new StaticFiles(folder, { headers, names: /^index\.html$/ });
const files = new StaticFiles(folder, { headers, names: /^([a-z]+\/)?[a-z][a-z-]*\.(js|css|svg)$/ });

/**
 * Sends the page, or the file that the path names. The page refers to its files by relative paths, so that a proxy may serve it below
 * a prefix. A path with a slash at the end is redirected, because relative paths would be wrong there. Throws a 404 for unknown files.
 */
export async function consoleFile(c: Context): Promise<Response> {
  const file: string | undefined = c.req.param('file');
  if (file === undefined && new URL(c.req.url).pathname.endsWith('/')) return c.redirect('../console', 308);
  return await (file === undefined ? page.send(c, 'index.html') : files.send(c, file));
}
