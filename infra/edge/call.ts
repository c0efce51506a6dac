// One request of a client: its body, which is kept for repeats, and everything that is the same in all of its repeats.
import type { AnswerClaims } from '../../resume/signed-request.ts';
import { readWhole } from './ask.ts';
import type { Endpoint } from './endpoints.ts';
import { sessionKey } from './gateways/session-key.ts';
import { forGateway } from './headers.ts';
import { drawAnswer, randomHex } from './sign.ts';

export interface Call extends Endpoint {
  method: string;
  path: string;
  /** The query with its `?`, or an empty text. */
  query: string;
  /** Headers for the gateway, without a signature. */
  headers: Headers;
  /** Undefined: the request has no body. */
  body: Uint8Array<ArrayBuffer> | undefined;
  id: string;
  /** Undefined: any gateway will do. */
  key: string | undefined;
  /** Only for requests that generate. */
  answer?: AnswerClaims;
  /** Aborts if the client leaves. */
  signal: AbortSignal;
}

export function requestId(headers: Headers): string {
  const given = headers.get('x-request-id');
  return given !== null && /^[\x21-\x7e]{1,128}$/.test(given) ? given : `req_${randomHex(16)}`;
}

interface ReadOptions {
  id: string;
  endpoint: Endpoint;
  signed: boolean;
  address: string | undefined;
  /** Most bytes of the body. */
  maxBody: number;
}

/** Undefined if the body is larger than `maxBody`. */
export async function readCall(
  request: Request,
  { id, endpoint, signed, address, maxBody }: ReadOptions,
): Promise<Call | undefined> {
  const body = await readBody(request, maxBody);
  if (body === 'too large') return undefined;
  const headers = forGateway(request.headers, { signed, address });
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
    id,
    key: generates ? sessionKey(request.headers, body ?? new Uint8Array()) : undefined,
    ...(generates && { answer: drawAnswer() }),
    signal: request.signal,
  };
}

async function readBody(
  request: Request,
  maxBody: number,
): Promise<Uint8Array<ArrayBuffer> | undefined | 'too large'> {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined;
  const stated = request.headers.get('content-length');
  if (stated !== null && Number(stated) > maxBody) return 'too large';
  // The host makes sure that the body is not longer than stated.
  if (stated !== null) return new Uint8Array(await request.arrayBuffer());
  return (await readWhole(request.body, maxBody)) ?? 'too large';
}
