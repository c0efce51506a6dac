// One request of a client: its body, which is kept for repeats, and everything that is the same in all of its repeats.
import type { AnswerClaims, Claims } from '../../../resume/signed-request.ts';
import type { EdgeError } from '../errors.ts';
import { sessionKey } from '../gateways/session-key.ts';
import type { Ticket } from '../limits/ticket.ts';
import { drawAnswer, randomHex } from '../sign.ts';
import { decodedBody, readBody } from './body.ts';
import type { HeldBytes } from './body-memory.ts';
import type { Endpoint } from './endpoints.ts';
import { forGateway } from './headers.ts';
import { type RequestFields, requestFields } from './request-fields.ts';

/** In whose name the edge signs a request. */
export type Caller = Pick<Claims, 'tenant' | 'scopes' | 'weight'>;

/** Who is billed for the requests of an edge without accounts. */
export const anyone: Caller = { tenant: 'edge', scopes: ['generate'] };

export interface Call extends Endpoint {
  method: string;
  path: string;
  /** The query with its `?`, or an empty text. */
  query: string;
  /** Headers for the gateway, without a signature. */
  headers: Headers;
  /** Undefined: the request has no body. */
  body: Uint8Array<ArrayBuffer> | undefined;
  /** Only if the edge reads them; otherwise as of a request without a body. */
  fields: RequestFields;
  id: string;
  /** Undefined: any gateway will do. */
  key: string | undefined;
  /** Only for requests that generate. */
  answer?: AnswerClaims;
  caller: Caller;
  /** The regions that may serve it, the preferred one first. */
  regions: readonly string[];
  /** Undefined: the edge has no accounts, or the request uses no tokens. */
  ticket?: Ticket | undefined;
  /** Aborts if the client leaves. */
  signal: AbortSignal;
}

export function requestIdOf(headers: Headers): string {
  const given = headers.get('x-request-id');
  return given !== null && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req_${randomHex(16)}`;
}

interface ReadOptions {
  id: string;
  endpoint: Endpoint;
  signed: boolean;
  caller: Caller;
  address: string | undefined;
  /** Most bytes of the body. */
  maxBody: number;
  /** Counts the bytes of the body. */
  held: HeldBytes;
  /** Whether the body is decoded and its fields are read. */
  decodes: boolean;
}

/** An error if the body is too large, or if it cannot be decoded. */
export async function readCall(
  request: Request,
  { id, endpoint, signed, caller, address, maxBody, held, decodes }: ReadOptions,
): Promise<Omit<Call, 'regions'> | { error: EdgeError }> {
  let body = await readBody(request, maxBody, held);
  const headers = forGateway(request.headers, { signed, address });
  if (decodes && body instanceof Uint8Array) {
    body = await decodedBody(body, headers.get('content-encoding'), maxBody, held);
    headers.delete('content-encoding');
  }
  if (body !== undefined && 'error' in body) return body;
  headers.set('x-request-id', id);
  const { pathname, search } = new URL(request.url);
  const generates = endpoint.kind === 'generate';
  return {
    ...endpoint,
    method: request.method,
    path: pathname,
    query: search,
    headers,
    body,
    fields: requestFields(decodes ? body : undefined),
    id,
    key: generates ? sessionKey(request.headers, body ?? new Uint8Array()) : undefined,
    ...(generates && { answer: drawAnswer() }),
    caller,
    signal: request.signal,
  };
}
