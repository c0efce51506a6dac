// Recognizes trusted callers, such as the edge, by the signature of their requests: docs/resume.md.
import { hash as hashOf } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import {
  CLAIMS_HEADER,
  CLOCK_SKEW_MS,
  type Claims,
  NONCE_MS,
  RECORD_HEADER,
  SIGNATURE_HEADER,
  SIGNATURE_VERSION,
  scopes,
  textToSign,
} from '../../../resume/signed-request.ts';
import { MOST_WEIGHT } from '../../../tenancy/api-key.ts';
import type { Holding, MemoryLedger } from '../budget/ledger.ts';
import { ApiError, badRequest } from '../errors.ts';
import { readBytes } from '../requests/body.ts';
import type { RecordEnv } from '../telemetry/request-record.ts';
import { hashKey, type StoredKey } from '../tenants/keys.ts';
import { parseJson } from './parse-json.ts';
import { isMadeWith, isSame, type Secrets, signatureOf } from './seal.ts';

/** A caller whose signature is valid. */
export interface Caller {
  claims: Claims;
  secrets: Secrets;
  /** Hexadecimal SHA-256 of the body, without the record in front of it. */
  body: string;
  /** The JSON text of the record with which the request continues a stream. */
  record?: string;
}

interface CallerOptions {
  /** Undefined: no caller is trusted. */
  secrets: Secrets | undefined;
  /** Whether all tenants share cached prompts. */
  sharedPrefix: boolean;
  /** Largest body in bytes, without a record. */
  bodyBytes: number;
  isOpen: (path: string) => boolean;
  isGenerating: (path: string) => boolean;
  ledger: MemoryLedger;
}

/** Largest record in bytes: 128 choices with 8,192 ids of four digits have 5 MB. */
export const LARGEST_RECORD = 8 * 2 ** 20;

const claimsSchema = z.strictObject({
  time: z.int().min(0),
  nonce: z.string().min(16).max(64),
  body: z.string().regex(/^[0-9a-f]{64}$/),
  tenant: z.string().min(1).max(128),
  scopes: z.array(z.enum(scopes)).max(scopes.length),
  weight: z.int().min(1).max(MOST_WEIGHT).optional(),
  request: z.string().regex(/^[\x21-\x7e]{1,128}$/),
  region: z.string().min(1).max(64),
  records: z.boolean().optional(),
  answer: z
    .strictObject({
      id: z.string().regex(/^[0-9a-f]{32}$/),
      created: z.int().min(0),
      seed: z.int(),
    })
    .optional(),
});

/** Checks signed requests, and notes their caller. Requests without a signature pass unchanged. */
export function recognizeCaller({
  secrets,
  sharedPrefix,
  bodyBytes,
  isOpen,
  isGenerating,
  ledger,
}: CallerOptions): MiddlewareHandler<RecordEnv> {
  const nonces = new Nonces();
  return async (c, next) => {
    const header = c.req.header(CLAIMS_HEADER);
    if (header === undefined) return await next();
    if (secrets === undefined) {
      const message = `This gateway trusts no caller, but the request has the header ${CLAIMS_HEADER}. Start it with --edge-secret-file.`;
      throw new ApiError({ status: 401, message, code: 'caller_not_trusted' });
    }
    requireSignature(c, header, secrets());
    const claims = parseClaims(header);
    requireFresh(claims, nonces, Date.now());
    if (!claims.scopes.includes('generate') && !isOpen(c.req.path)) {
      const message = `The scopes of this request do not include 'generate'.`;
      throw new ApiError({ status: 403, message, code: 'insufficient_permissions' });
    }
    const { raw } = c.req;
    const request = c.get('record');
    // Noted before the body is read, so that the caller can ask for the usage even of a request whose body never arrived.
    request.calledBy({ claims, secrets, body: claims.body }, keyOf(claims), { sharedPrefix });
    // Counts the bytes until the request ends, because its text and its fields are counted again when they are read.
    const holding = ledger.open(claims.tenant);
    try {
      const { body, caller } = await signedBody(raw, claims, { bodyBytes, holding });
      if (caller.record !== undefined && !isGenerating(c.req.path)) {
        const message = `A request to ${c.req.path} has no stream that a record could continue.`;
        throw badRequest(message, { param: RECORD_HEADER, code: 'unsupported_parameter' });
      }
      request.calledBy({ claims, secrets, ...caller }, keyOf(claims), { sharedPrefix });
      c.header('x-request-id', request.id);
      if (body !== undefined) {
        const { method, signal, url } = raw;
        const headers = new Headers(raw.headers);
        headers.set('content-length', String(body.byteLength));
        c.req.raw = new Request(url, { method, headers, body, signal });
      }
      await next();
    } finally {
      holding.release();
    }
  };
}

function requireSignature(c: Context, claims: string, secrets: readonly string[]): void {
  const text = textToSign({ method: c.req.method, path: new URL(c.req.url).pathname, claims });
  const given = c.req.header(SIGNATURE_HEADER) ?? '';
  if (isMadeWith(secrets, given, (secret) => `${SIGNATURE_VERSION}=${signatureOf(text, secret)}`)) return;
  const message = `The signature in ${SIGNATURE_HEADER} does not fit this request. Give caller and gateway the same secret.`;
  throw new ApiError({ status: 401, message, code: 'invalid_signature' });
}

function parseClaims(header: string): Claims {
  const { weight, records, answer, ...claims } = parseJson(claimsSchema, header, CLAIMS_HEADER);
  return {
    ...claims,
    ...(weight !== undefined && { weight }),
    ...(records !== undefined && { records }),
    ...(answer !== undefined && { answer }),
  };
}

/** Throws a 401 if the request was signed too long ago, or if it has been received before. */
function requireFresh({ time, nonce }: Claims, nonces: Nonces, now: number): void {
  const apart = Math.abs(now - time);
  if (apart > CLOCK_SKEW_MS) {
    const at = (ms: number) => new Date(ms).toISOString();
    const message =
      `The request was signed at ${at(time)}, but the clock of this gateway says ${at(now)}: they differ by ` +
      `${Math.round(apart / 1000)} s, and at most ${CLOCK_SKEW_MS / 1000} s are allowed. Set the clocks of both machines.`;
    throw new ApiError({ status: 401, message, code: 'clock_skew' });
  }
  if (nonces.add(nonce, now)) return;
  const message = 'This signed request has been received before. Sign every request anew.';
  throw new ApiError({ status: 401, message, code: 'replayed_request' });
}

/** Remembers each nonce for `NONCE_MS` to twice that time. */
class Nonces {
  #older = new Set<string>();
  #newer = new Set<string>();
  #turnedAt = 0;

  /** Returns false if the nonce is known. */
  add(nonce: string, now: number): boolean {
    if (now - this.#turnedAt > NONCE_MS) {
      this.#older = now - this.#turnedAt > 2 * NONCE_MS ? new Set() : this.#newer;
      this.#newer = new Set();
      this.#turnedAt = now;
    }
    if (this.#older.has(nonce) || this.#newer.has(nonce)) return false;
    this.#newer.add(nonce);
    return true;
  }
}

/** Reads the whole body and compares its hash with the claim. `body` is undefined if the request has none. */
async function signedBody(
  request: Request,
  claims: Claims,
  { bodyBytes, holding }: { bodyBytes: number; holding: Holding },
): Promise<{ body: Buffer<ArrayBuffer> | undefined; caller: Pick<Caller, 'body' | 'record'> }> {
  const recordBytes = recordLength(request.headers.get(RECORD_HEADER));
  const all = await readBytes(request, recordBytes + bodyBytes, holding);
  const hash = hashOf('sha256', all, 'hex');
  if (!isSame(hash, claims.body)) {
    const message = `The body of the request has another hash than ${CLAIMS_HEADER} says.`;
    throw new ApiError({ status: 401, message, param: 'body', code: 'invalid_signature' });
  }
  if (all.length < recordBytes) {
    const message = `The body is shorter than the record of ${recordBytes} bytes in front of it.`;
    throw badRequest(message, { param: RECORD_HEADER, code: 'invalid_value' });
  }
  if (recordBytes === 0) return { body: all.length > 0 ? all : undefined, caller: { body: hash } };
  const body = all.subarray(recordBytes);
  const record = new TextDecoder().decode(all.subarray(0, recordBytes));
  return { body, caller: { body: hashOf('sha256', body, 'hex'), record } };
}

function recordLength(header: string | null): number {
  if (header === null) return 0;
  const length = Number(header);
  if (/^\d{1,9}$/.test(header) && length > 0 && length <= LARGEST_RECORD) return length;
  const message = `Invalid '${RECORD_HEADER}': expected a number of bytes from 1 to ${LARGEST_RECORD}.`;
  throw badRequest(message, { param: RECORD_HEADER, code: 'invalid_value' });
}

/** A key in the name of the signed tenant. It decides cache salt, fair share and usage, and is in no file. */
function keyOf({ tenant, scopes, weight, time }: Claims): StoredKey {
  return {
    name: tenant,
    sha256: hashKey(`tenant/${tenant}`),
    created: new Date(time).toISOString(),
    ...(weight !== undefined && { weight }),
    ...(scopes.includes('admin') && { admin: true as const }),
  };
}
