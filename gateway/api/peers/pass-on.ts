// One request to another gateway and its answer, streamed. By node:http: fetch gives up on an answer whose headers take five
// minutes, which a long one does, and it would be computed twice. Knows no peers and follows no redirect.
import { type IncomingMessage, request } from 'node:http';

export interface Passed {
  path: string;
  headers: Headers;
  body: string;
  signal: AbortSignal;
}

export interface PeerAnswer {
  status: number;
  headers: Headers;
  body: AsyncIterator<Buffer>;
  /** The body is not wanted: who still reads it meets the error. */
  cancel: (error?: Error) => void;
}

/** What another gateway must know of a request. Anything else is the connection's own, or would be believed of it. */
const passedHeaders = [
  'content-type',
  'authorization',
  'x-api-key',
  'accept',
  'user-agent',
  'origin',
  'traceparent',
  'tracestate',
];

/** Of its answer, the connection's own. */
const ownHeaders = ['connection', 'keep-alive', 'transfer-encoding', 'content-length'];

/** `added` are headers that are set by this gateway. Rejects where there is no answer, or `signal` ends it. */
export function askPeer(
  address: string,
  { path, headers, body, signal }: Passed,
  added: Record<string, string>,
): Promise<PeerAnswer> {
  const known = passedHeaders.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const sent: Record<string, string> = { ...Object.fromEntries(known), ...added };
  return new Promise((resolve, reject) => {
    // A connection of its own: one that was kept could have been closed by the other side just now.
    const options = { method: 'POST', headers: sent, signal, agent: false };
    const asked = request(`http://${address}${path}`, options, (answer) => resolve(peerAnswer(answer)));
    asked.on('error', reject);
    asked.end(body);
  });
}

function peerAnswer(answer: IncomingMessage): PeerAnswer {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(answer.headersDistinct)) {
    if (ownHeaders.includes(name) || (name.startsWith('retry-after') && !values.every(isDelay))) continue;
    for (const value of values) headers.append(name, value);
  }
  return {
    status: answer.statusCode ?? 0,
    headers,
    body: answer.iterator(),
    cancel: (error) => void answer.destroy(error),
  };
}

/** Seconds or milliseconds, as this gateway would say them; a date or a number with an exponent is none. */
function isDelay(value: string): boolean {
  return /^\d{1,9}$/.test(value);
}
