// Sends one request over HTTP and finds out how its answer ended. Keeps only the last bytes of it.
import type { IncomingMessage, request as send } from 'node:http';

/** `cut`: neither a complete answer nor one that ended with an error event. */
export type Ending = 'finish' | 'error' | 'cut';

export interface Heard {
  status: number;
  ending: Ending;
  bytes: number;
  tail: string;
}

export interface Ask {
  url: URL;
  key: string;
  body: object;
  signal: AbortSignal;
  request: typeof send;
}

/** Holds the last events of a stream, or the end of a JSON text. */
const TAIL = 8192;

/** Rejects if the connection fails or `signal` is aborted. `onEvents` is told how many events came with each piece. */
export async function hearStream(ask: Ask, onEvents: (count: number) => void = () => {}): Promise<Heard> {
  const response = await post(ask);
  const streamed = (response.headers['content-type'] ?? '').startsWith('text/event-stream');
  let tail = '';
  let bytes = 0;
  for await (const chunk of response) {
    const piece = chunk as Buffer;
    bytes += piece.length;
    const joined = tail.slice(-1) + piece.toString('latin1');
    if (streamed) onEvents(joined.split('\n\n').length - 1);
    tail = (tail + piece.toString('latin1')).slice(-TAIL);
  }
  const status = response.statusCode ?? 0;
  return {
    status,
    bytes,
    tail,
    ending: streamed ? endingOfStream(tail) : status < 400 ? whole(tail) : 'error',
  };
}

function endingOfStream(tail: string): Ending {
  if (/"(error|response\.failed)"/.test(tail)) return 'error';
  return /\[DONE\]|message_stop|response\.(completed|incomplete)/.test(tail) ? 'finish' : 'cut';
}

function whole(tail: string): Ending {
  return tail.trimEnd().endsWith('}') ? 'finish' : 'cut';
}

function post({ url, key, body, signal, request }: Ask): Promise<IncomingMessage> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      authorization: `Bearer ${key}`,
    };
    const sent = request(url, { method: 'POST', headers, signal, agent: false }, resolve);
    sent.on('error', reject);
    sent.end(text);
  });
}
