// Signs the requests of the edge as a trusted caller: ../../resume/signed-request.ts.
import {
  asciiJson,
  CLAIMS_HEADER,
  type Claims,
  SIGNATURE_HEADER,
  SIGNATURE_VERSION,
  textToSign,
} from '../../resume/signed-request.ts';

const NONCE_BYTES = 16;
const ANSWER_ID_BYTES = 16;
const encoder = new TextEncoder();

/** What is signed. The signer adds time and nonce. */
export interface Signed {
  method: string;
  /** Without a query. */
  path: string;
  claims: Omit<Claims, 'time' | 'nonce'>;
}

export type Sign = (signed: Signed) => Promise<Record<string, string>>;

/** The hashes that the edge needs. A host may have faster ones than those of `crypto.subtle`, which work in another thread. */
export interface Hashing {
  /** In hexadecimal. */
  sha256(bytes: Uint8Array<ArrayBuffer>): string | Promise<string>;
  /** HMAC-SHA256 in base64url. */
  hmac(secret: string, text: string): string | Promise<string>;
}

/** Returns a function that makes the headers of one request. `secret` may change between two calls. */
export function signer(secret: () => string, { hmac }: Pick<Hashing, 'hmac'>): Sign {
  return async ({ method, path, claims: given }) => {
    const claims = asciiJson({ time: Date.now(), nonce: base64url(randomBytes(NONCE_BYTES)), ...given });
    const mac = await hmac(secret(), textToSign({ method, path, claims }));
    return { [CLAIMS_HEADER]: claims, [SIGNATURE_HEADER]: `${SIGNATURE_VERSION}=${mac}` };
  };
}

export const webHashing: Hashing = {
  sha256: async (bytes) => hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))),
  hmac: async (secret, text) => {
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('raw', encoder.encode(secret), algorithm, false, ['sign']);
    return base64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text))));
  },
};

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encoder.encode(text));
}

export function randomHex(bytes: number): string {
  return hex(randomBytes(bytes));
}

/** The parts of an answer that a gateway would draw. */
export function drawAnswer(): NonNullable<Claims['answer']> {
  const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1));
  return { id: randomHex(ANSWER_ID_BYTES), created: Math.floor(Date.now() / 1000), seed: drawn >>> 1 };
}

export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
