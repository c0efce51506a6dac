// GET /console, the operator's page, and GET /docs, the API's reference, which the package Swagger UI renders. Both pages and their
// scripts are in the folder console/.
import { existsSync } from 'node:fs';
import type { Context } from 'hono';
import { StaticFiles } from './static-files.ts';

const root = new URL('../../../../', import.meta.url);
const folder = new URL('console/', root);

/** An installed gateway has Swagger UI's files beside the compiled code, where scripts/build.ts copies them. */
const packed = new URL('swagger-ui/', root);
const swagger = existsSync(packed) ? packed : new URL('node_modules/swagger-ui-dist/', root);

/** The policies forbid content from other origins, inline scripts and styles, and frames that contain the page. */
const consolePolicy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/** Swagger UI loads its icons from `data:` URLs. */
const docsPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const consoleHeaders = { 'content-security-policy': consolePolicy };
const docsHeaders = { 'content-security-policy': docsPolicy };

export const consoleFile = pageHandler('console', {
  html: 'index.html',
  page: new StaticFiles(folder, { headers: consoleHeaders, names: /^index\.html$/ }),
  files: new StaticFiles(folder, {
    headers: consoleHeaders,
    names: /^([a-z]+\/)?[a-z][a-z-]*\.(js|css|svg)$/,
  }),
});

export const docsFile = pageHandler('docs', {
  html: 'docs.html',
  page: new StaticFiles(folder, { headers: docsHeaders, names: /^docs\.html$/ }),
  files: new StaticFiles(swagger, { headers: docsHeaders, names: /^swagger-ui(\.css|-bundle\.js)$/ }),
});

/**
 * Sends the page, or the file that the path names. The page refers to its files by relative paths, so that a proxy may serve it below
 * a prefix. A path with a slash at the end is redirected, because relative paths would be wrong there. Throws a 404 for unknown files.
 */
function pageHandler(
  name: string,
  { html, page, files }: { html: string; page: StaticFiles; files: StaticFiles },
): (c: Context) => Promise<Response> {
  return async (c) => {
    const file: string | undefined = c.req.param('file');
    if (file !== undefined) return await files.send(c, file);
    if (new URL(c.req.url).pathname.endsWith('/')) return c.redirect(`../${name}`, 308);
    return await page.send(c, html);
  };
}
