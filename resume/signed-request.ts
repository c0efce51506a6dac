// How a trusted caller, such as the edge, signs its requests to a gateway: docs/resume.md. Uses no API of Node or Workers, because both
// ends import it. Each end computes the HMAC with the API that it has.

/** The claims, as one line of JSON in ASCII. */
export const CLAIMS_HEADER = 'x-expertgrid-caller';
/** `v1=` and the HMAC-SHA256 of `textToSign` in base64url. */
export const SIGNATURE_HEADER = 'x-expertgrid-signature';
/** Number of bytes at the start of the body that are a record. Present only in a request that continues a stream. */
export const RECORD_HEADER = 'x-expertgrid-record';

export const SIGNATURE_VERSION = 'v1';

/** Largest difference between the clocks of caller and gateway. */
export const CLOCK_SKEW_MS = 30_000;
/** How long a gateway remembers a nonce. A signature is invalid by then: its time may differ by `CLOCK_SKEW_MS` in either direction. */
export const NONCE_MS = 2 * CLOCK_SKEW_MS;

export const scopes = ['generate', 'admin'] as const;
/** `generate`: all endpoints that an API key may use. `admin`: also the endpoints about all tenants. */
export type Scope = (typeof scopes)[number];

/** Fixes the parts of an answer that a gateway would draw, so that a repeated request gets the same answer. */
export interface AnswerClaims {
  /** 32 hexadecimal digits. The id of the answer is made from them. */
  id: string;
  /** Unix seconds. */
  created: number;
  /** Seed of the answer, unless the request names one. */
  seed: number;
}

export interface Claims {
  /** When the request was signed, in Unix milliseconds. */
  time: number;
  /** Unique for each signature. */
  nonce: string;
  /** SHA-256 of the bytes of the body, in hexadecimal. */
  body: string;
  /** Who is billed. Decides cache salt, fair share and usage. */
  tenant: string;
  scopes: readonly Scope[];
  /** Share of the gateway's time relative to other busy tenants. Default 1. */
  weight?: number;
  /** Id of the request, for logs and usage. */
  request: string;
  /** Region of the caller. */
  region: string;
  /** Ask for record lines in a stream. */
  records?: boolean;
  answer?: AnswerClaims;
}

/** The text whose HMAC is the signature. `claims` is the value of `CLAIMS_HEADER`, and `path` is the path as sent, without the query. */
export function textToSign({
  method,
  path,
  claims,
}: {
  method: string;
  path: string;
  claims: string;
}): string {
  return [SIGNATURE_VERSION, method, path, claims].join('\n');
}

/** JSON in ASCII, because a header may contain no other characters. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
