// Sends one request to another gateway and streams the answer, without following redirects. Uses node:http, because fetch fails
// if the headers of the answer take more than five minutes, and a long answer would then be computed twice.
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
  body: AsyncIterableIterator<Buffer>;
  /** Discards the body. A pending read fails with the error. */
  cancel: (error?: Error) => void;
}

/** Headers that the other gateway needs. Headers that are not listed belong to the connection, or must not be trusted. */
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

/** Headers of the answer that belong to the connection. */
const ownHeaders = ['connection', 'keep-alive', 'transfer-encoding', 'content-length'];

/** `added` are headers that this gateway adds. Rejects if there is no answer, or if `signal` aborts the request. */
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
    // Opens a new connection, because the other gateway may just have closed an idle one.
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

/** Whether a retry time consists of digits, as this gateway writes it. Clients cannot read dates and exponents. */
function isDelay(value: string): boolean {
  return /^\d{1,9}$/.test(value);
}
