// Serves static files to browsers. A file is read and compressed once, and sent with an ETag so that browsers can cache it.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context } from 'hono';
import { ApiError } from '../../errors.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Smallest size in bytes of a file that is compressed. Smaller files fit into one packet anyway. */
const LEAST_COMPRESSED = 1_000;

interface Body {
  bytes: Uint8Array<ArrayBuffer>;
  /** A hash of the bytes, in quotes. */
  etag: string;
}

interface Asset {
  type: string;
  plain: Body;
  /** The bytes in gzip. Absent for small files. */
  compressed?: Body;
}

export class StaticFiles {
  readonly #folder: URL;
  readonly #names: RegExp;
  readonly #headers: Readonly<Record<string, string>>;
  /** By name. An entry is never read again, because the files do not change while the process runs. */
  readonly #assets = new Map<string, Promise<Asset>>();

  /** `names` matches the file names that may be requested. It must not match paths that lead out of the folder. */
  constructor(folder: URL, { names, headers }: { names: RegExp; headers: Readonly<Record<string, string>> }) {
    this.#folder = folder;
    this.#names = names;
    this.#headers = headers;
  }

  /** Throws a 404 if there is no such file. */
  async send(c: Context, name: string): Promise<Response> {
    const { type, plain, compressed } = await this.#assetOf(name, c.req.path);
    const taken = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(c.req.header('accept-encoding') ?? '');
    const sent = taken ? compressed : undefined;
    const { bytes, etag } = sent ?? plain;
    const headers: Record<string, string> = {
      ...this.#headers,
      etag,
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      ...(compressed !== undefined && { vary: 'accept-encoding' }),
    };
    // A proxy marks an ETag as weak (`W/`) if it compresses the file. The ETag still names the same file.
    const known = c.req.header('if-none-match')?.split(',') ?? [];
    if (known.some((tag) => tag.trim().replace(/^W\//, '') === etag)) return c.body(null, 304, headers);
    headers['content-type'] = type;
    if (sent !== undefined) headers['content-encoding'] = 'gzip';
    return c.body(bytes, 200, headers);
  }

  async #assetOf(name: string, path: string): Promise<Asset> {
    const type = this.#names.test(name) ? types[extname(name)] : undefined;
    if (type === undefined) throw missing(path);
    const reading = this.#assets.get(name) ?? read(new URL(name, this.#folder), type);
    this.#assets.set(name, reading);
    try {
      return await reading;
    } catch (error) {
      this.#assets.delete(name);
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw missing(path);
      throw error;
    }
  }
}

async function read(file: URL, type: string): Promise<Asset> {
  const bytes = new Uint8Array(await readFile(file));
  const plain = tagged(bytes);
  if (bytes.length < LEAST_COMPRESSED) return { type, plain };
  return { type, plain, compressed: tagged(new Uint8Array(await promisify(gzip)(bytes))) };
}

function tagged(bytes: Uint8Array<ArrayBuffer>): Body {
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"` };
}

function missing(path: string): ApiError {
  return new ApiError({ status: 404, message: `There is no file ${path}.`, code: 'unknown_url' });
}
