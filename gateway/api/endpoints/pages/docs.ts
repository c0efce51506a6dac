// GET /docs: the API's reference. The page is console/docs.html; the package Swagger UI renders it.
import { existsSync } from 'node:fs';
import type { Context } from 'hono';
import { StaticFiles } from './static-files.ts';

const root = new URL('../../../../', import.meta.url);

/** An installed gateway has Swagger UI's files beside the compiled code, where scripts/build.ts copies them. */
const packed = new URL('swagger-ui/', root);
const folder = existsSync(packed) ? packed : new URL('node_modules/swagger-ui-dist/', root);

/** Swagger UI loads its icons from `data:` URLs. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
const headers = { 'content-security-policy': policy };

const pages = new StaticFiles(new URL('console/', root), { headers, names: /^docs\.html$/ });
const renderer = new StaticFiles(folder, { headers, names: /^swagger-ui(\.css|-bundle\.js)$/ });

/** Sends the page or a file, with the same redirect as for the console. Throws a 404 for unknown files. */
export async function docsFile(c: Context): Promise<Response> {
  const file: string | undefined = c.req.param('file');
  if (file !== undefined) return await renderer.send(c, file);
  if (new URL(c.req.url).pathname.endsWith('/')) return c.redirect('../docs', 308);
  return await pages.send(c, 'docs.html');
}
