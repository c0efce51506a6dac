// HTTP client of the benchmarks. It counts events and does not parse them, because the clients share the cores with the server.
import { type Agent, type IncomingMessage, request } from 'node:http';
import { now, type Stream } from './engine.ts';

interface PostOptions {
  /** API key. */
  key?: string | undefined;
  /** `x-request-id`. */
  id?: string;
  /** Breaks the connection. */
  signal?: AbortSignal;
  /** Pool of connections. `false` opens a connection for this request alone. Default: the pool of the process. */
  agent?: Agent | false;
}

/** Resolves when the headers of the answer have arrived. Rejects if the connection fails or `signal` is aborted. */
export function post(
  url: URL,
  body: object,
  { key, id, ...options }: PostOptions = {},
): Promise<IncomingMessage> {
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
    ...(id !== undefined && { 'x-request-id': id }),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers, ...options }, resolve);
    sent.on('error', reject);
    sent.end(text);
  });
}

export interface Answer {
  status: number;
  /** Whether the answer is a stream of events. */
  streamed: boolean;
  /** `error`: an error status or an error event. `cut`: neither complete nor ended by an error. */
  ending: 'finish' | 'error' | 'cut';
  bytes: number;
  /** The last characters, which include the last events of a stream or the usage of a JSON text. */
  tail: string;
}

/** Largest length of `Answer.tail` in characters. */
const TAIL = 8192;

/** Sends a request and reads its answer. `onEvent` is called for each event with the time of its arrival (`now()`). */
export async function ask(
  url: URL,
  body: object,
  { onEvent = () => {}, ...options }: PostOptions & { onEvent?: (at: number) => void } = {},
): Promise<Answer> {
  const response = await post(url, body, options);
  const streamed = (response.headers['content-type'] ?? '').startsWith('text/event-stream');
  let tail = '';
  let bytes = 0;
  for await (const chunk of response) {
    const at = now();
    bytes += chunk.length;
    const text = chunk.toString('latin1');
    // An event ends with an empty line, and a chunk may end within the two line breaks.
    const joined = tail.slice(-1) + text;
    if (streamed) for (let i = joined.indexOf('\n\n'); i >= 0; i = joined.indexOf('\n\n', i + 2)) onEvent(at);
    tail = (tail + text).slice(-TAIL);
  }
  const status = response.statusCode ?? 0;
  return { status, streamed, bytes, tail, ending: streamed ? endingOfStream(tail) : endingOf(status, tail) };
}

function endingOfStream(tail: string): Answer['ending'] {
  if (/"(error|response\.failed)"/.test(tail)) return 'error';
  return /\[DONE\]|message_stop|response\.(completed|incomplete)/.test(tail) ? 'finish' : 'cut';
}

function endingOf(status: number, tail: string): Answer['ending'] {
  if (status >= 400) return 'error';
  return tail.trimEnd().endsWith('}') ? 'finish' : 'cut';
}

/** The usage's `completion_tokens`; NaN if the answer has no usage. */
export function completionTokens(tail: string): number {
  return Number(/"completion_tokens":(\d+)/.exec(tail)?.[1]);
}

/** Events after the tokens: the finish, the usage and `[DONE]`. */
export const CLOSING_EVENTS = 3;

/** Runs one completion. `body` must ask for a stream with usage. Throws if the answer is an error or breaks off. */
export async function streamCompletion(url: URL, body: object): Promise<Stream> {
  const times: number[] = [];
  const { status, ending, tail } = await ask(url, body, { onEvent: (at) => void times.push(at) });
  const tokens = completionTokens(tail);
  if (status !== 200) throw new Error(`${url.pathname}: ${status} ${tail}`);
  if (ending !== 'finish' || Number.isNaN(tokens)) {
    throw new Error(`${url.pathname}: the answer was cut short: ${tail}`);
  }
  return { times: times.slice(0, -CLOSING_EVENTS), tokens };
}
