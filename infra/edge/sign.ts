// Signs the requests of the edge as a trusted caller: ../../resume/signed-request.ts.
import {
  asciiJson,
  CLAIMS_HEADER,
  type Claims,
  SIGNATURE_HEADER,
  SIGNATURE_VERSION,
  textToSign,
} from '../../resume/signed-request.ts';

/** `CryptoKey`, whose name is not known in Node's types. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

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

/** Returns a function that makes the headers of one request. `secret` may change between two calls. */
export function signer(secret: () => string): Sign {
  let last: { secret: string; key: Key } | undefined;

  async function keyOf(text: string): Promise<Key> {
    if (last?.secret === text) return last.key;
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('raw', encoder.encode(text), algorithm, false, ['sign']);
    last = { secret: text, key };
    return key;
  }

  return async ({ method, path, claims: given }) => {
    const key = await keyOf(secret());
    const claims = asciiJson({ time: Date.now(), nonce: base64url(randomBytes(NONCE_BYTES)), ...given });
    const text = encoder.encode(textToSign({ method, path, claims }));
    const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, text));
    return { [CLAIMS_HEADER]: claims, [SIGNATURE_HEADER]: `${SIGNATURE_VERSION}=${base64url(mac)}` };
  };
}

export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

export function randomHex(bytes: number): string {
  return hex(randomBytes(bytes));
}

/** The parts of an answer that a gateway would draw. */
export function drawAnswer(): NonNullable<Claims['answer']> {
  const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1));
  return { id: randomHex(ANSWER_ID_BYTES), created: Math.floor(Date.now() / 1000), seed: drawn >>> 1 };
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
