// GET /docs: the API's reference. The page is ours; what draws it is Swagger UI, served as its package has it. Knows
// nothing of the API.
import { existsSync } from 'node:fs';
import type { Context } from 'hono';
import { StaticFiles } from './static-files.ts';

const root = new URL('../../../../', import.meta.url);

/** A packed install has the package's two files beside the compiled code: scripts/build.ts copies them. */
const packed = new URL('swagger-ui/', root);
const folder = existsSync(packed) ? packed : new URL('node_modules/swagger-ui-dist/', root);

/** Swagger UI draws its icons from `data:` addresses and sets styles on elements; it needs no script but its own. */
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

/** The page's own names are relative, as the console's are: it has no slash behind it. Throws a 404 if there is no such file. */
export async function docsFile(c: Context): Promise<Response> {
  const file: string | undefined = c.req.param('file');
  if (file !== undefined) return await renderer.send(c, file);
  if (new URL(c.req.url).pathname.endsWith('/')) return c.redirect('../docs', 308);
  return await pages.send(c, 'docs.html');
}
