// GET /console: the operator's page and its files, as they lie in console/, with headers that keep it to itself. Knows
// nothing of what the page shows.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Context } from 'hono';
import { ApiError } from './errors.ts';

const folder = new URL('../../console/', import.meta.url);
const page = 'index.html';
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** No path can be written with it, so nothing outside the folder can be named. */
const FILE_NAME = /^[a-z][a-z-]*\.[a-z]+$/;

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
const POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

interface Asset {
  body: Uint8Array<ArrayBuffer>;
  /** Of its bytes. */
  etag: string;
  type: string;
}

/** Read once; the files do not change while the process runs. */
const assets = new Map<string, Promise<Asset>>();

/**
 * The page, or the file of it that the path names. The page's own names are relative, for proxies that put it below a
 * prefix: it has no slash behind it. Throws a 404 where there is none.
 */
export async function consoleFile(c: Context): Promise<Response> {
  const file: string | undefined = c.req.param('file');
  if (file === undefined && new URL(c.req.url).pathname.endsWith('/')) return c.redirect('../console', 308);
  const name = file ?? page;
  const { body, etag, type } = await assetOf(name, c.req.path);
  const headers = {
    etag,
    'cache-control': 'no-cache',
    'content-security-policy': POLICY,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
  const known = c.req.header('if-none-match')?.split(',').map(strong) ?? [];
  if (known.includes(etag)) return c.body(null, 304, headers);
  return c.body(body, 200, { ...headers, 'content-type': type });
}

async function assetOf(name: string, path: string): Promise<Asset> {
  const type = FILE_NAME.test(name) ? types[extname(name)] : undefined;
  if (type === undefined) throw missing(path);
  const reading = assets.get(name) ?? read(name, type);
  assets.set(name, reading);
  try {
    return await reading;
  } catch (error) {
    assets.delete(name);
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw missing(path);
    throw error;
  }
}

async function read(name: string, type: string): Promise<Asset> {
  const body = new Uint8Array(await readFile(new URL(name, folder)));
  return { body, type, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` };
}

/** A proxy that compresses makes tags weak; they stand for the same file. */
function strong(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}

function missing(path: string): ApiError {
  return new ApiError({ status: 404, message: `The console has no file ${path}.`, code: 'unknown_url' });
}
