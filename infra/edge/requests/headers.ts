// Selects the headers that the edge relays.
import { USAGE_HEADER } from '../../../resume/usage-report.ts';

/** Headers of one connection, which must not be relayed (RFC 9110, 7.6.1). */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Headers that describe the connection to the gateway or the client's address. The edge or its host states them itself. */
const ownNames = [
  'host',
  'content-length',
  'expect',
  'accept-encoding',
  'forwarded',
  'x-real-ip',
  'true-client-ip',
];
const ownPrefixes = ['x-expertgrid-', 'x-forwarded-', 'cf-'];

/** What identifies a caller. A signed request is the edge's own, so it must not contain them. */
const credentials = ['authorization', 'x-api-key', 'cookie'];

/** What a browser says about the page of a request. The edge has checked it, and a gateway would judge it for its own address. */
const ofPage = ['origin', 'referer', 'access-control-request-method', 'access-control-request-headers'];

/** Which pages may read an answer. Only the edge knows the page if it signs the request. */
const CORS_PREFIX = 'access-control-';

/** A copy without the hop-by-hop headers and without the headers that `connection` names. */
export function endToEnd(headers: Headers): Headers {
  const kept = new Headers(headers);
  const named = (headers.get('connection') ?? '').split(',').map((name) => name.trim());
  for (const name of [...hopByHop, ...named]) if (name !== '') kept.delete(name);
  return kept;
}

interface SentOptions {
  /** The client's address as the host of the edge saw it. What the client states itself may be false. */
  address?: string | undefined;
  /** Whether the edge signs the request. */
  signed?: boolean;
}

/** The request headers for the gateway. */
export function forGateway(headers: Headers, { address, signed = false }: SentOptions = {}): Headers {
  const sent = endToEnd(headers);
  for (const name of [...sent.keys()]) {
    if (ownPrefixes.some((prefix) => name.startsWith(prefix))) sent.delete(name);
  }
  for (const name of signed ? [...ownNames, ...credentials, ...ofPage] : ownNames) sent.delete(name);
  for (const name of signed ? [...sent.keys()] : []) if (name.startsWith('sec-fetch-')) sent.delete(name);
  if (address !== undefined) sent.set('x-forwarded-for', address);
  return sent;
}

interface AnsweredOptions {
  /** Whether the body that is relayed has no encoding any more. */
  decoded: boolean;
  /** Whether the edge has signed the request. The gateway then knows nothing of the page that has sent it. */
  signed: boolean;
}

/** The answer's headers for the client. The host states the length. */
export function ofAnswer(headers: Headers, { decoded, signed }: AnsweredOptions): Headers {
  const sent = endToEnd(headers);
  for (const name of signed ? [...sent.keys()] : []) if (name.startsWith(CORS_PREFIX)) sent.delete(name);
  for (const name of ['content-length', USAGE_HEADER]) sent.delete(name);
  if (decoded) sent.delete('content-encoding');
  return sent;
}
