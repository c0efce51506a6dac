// One of many clients: sends requests of mixed kinds over its own connection and leaves some midway. Answers are scanned instead of
// parsed, because the clients share the cores with the server.

import { Agent, type IncomingMessage, request } from 'node:http';
import { errorText } from '../../base/error-text.ts';

export interface LoadRequest {
  path: '/v1/completions' | '/v1/chat/completions';
  body: Record<string, unknown>;
  /** Milliseconds after which the client leaves. */
  leaveAfterMs?: number;
}

export interface LoadSink {
  /** Tokens as the server counts them. For an answer that the client left, as many as came. */
  tokens(count: number): void;
  /** `kind`: a status with its code, or how the connection failed. */
  ended(outcome: 'whole' | 'left' | 'error', kind?: string): void;
}

const LEAVING_SHARE = 0.1;
const STAY_MS = [5, 3_000] as const;
const ANSWER = [1, 96] as const;
/** Characters. One prompt in eight is long. */
const SHORT = [4, 120] as const;
const LONG = [400, 1_200] as const;
const LONG_SHARE = 1 / 8;

/**
 * Prompts are pieces from anywhere in `prose`. Every order of magnitude of lengths is equally likely. `random` returns numbers in
 * [0, 1).
 */
export function loadRequest(random: () => number, prose: string): LoadRequest {
  const between = ([least, most]: readonly [number, number]) =>
    Math.floor(least * (most / least) ** random());
  const length = between(random() < LONG_SHARE ? LONG : SHORT);
  const from = Math.floor(random() * (prose.length - length));
  const text = prose.slice(from, from + length);
  const chat = random() < 0.5;
  const stream = random() < 0.6;
  const body = {
    ...(chat ? { messages: [{ role: 'user', content: text }] } : { prompt: text }),
    max_tokens: between(ANSWER),
    temperature: random() < 0.5 ? 0 : 0.8,
    seed: Math.floor(random() * 2 ** 31),
    ...(stream && { stream, stream_options: { include_usage: true } }),
  };
  const leaves = random() < LEAVING_SHARE;
  return {
    path: chat ? '/v1/chat/completions' : '/v1/completions',
    body,
    ...(leaves && { leaveAfterMs: between(STAY_MS) }),
  };
}

/** Runs until `signal` is aborted, which also ends a running request. */
export async function runLoadClient(
  url: string,
  model: string,
  { next, sink, signal }: { next: () => LoadRequest; sink: LoadSink; signal: AbortSignal },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (!signal.aborted) {
    const { path, body, leaveAfterMs } = next();
    const leaving = leaveAfterMs === undefined ? [] : [AbortSignal.timeout(leaveAfterMs)];
    const left = AbortSignal.any([signal, ...leaving]);
    try {
      const kind = await ask(new URL(path, url), JSON.stringify({ model, ...body }), { agent, sink, left });
      sink.ended(kind === undefined ? 'whole' : 'error', kind);
    } catch (error) {
      if (left.aborted) sink.ended('left');
      else sink.ended('error', errorText(error));
    }
  }
  agent.destroy();
}

/** What went wrong, if anything. */
async function ask(
  url: URL,
  body: string,
  { agent, sink, left }: { agent: Agent; sink: LoadSink; left: AbortSignal },
): Promise<string | undefined> {
  const answer = await post(url, body, { agent, signal: left });
  const streamed = answer.headers['content-type']?.startsWith('text/event-stream') === true;
  /** The end of what came, where usage, an error and the last event are. */
  let tail = '';
  let events = 0;
  try {
    for await (const piece of answer.setEncoding('utf8')) {
      tail = (tail + piece).slice(-16_384);
      events += piece.split('\n\n').length - 1;
    }
  } catch (error) {
    if (streamed && left.aborted) sink.tokens(events);
    throw error;
  }
  const [, code] = /"error":\{.*"code":"?(\w+)/.exec(tail) ?? [];
  if (answer.statusCode !== 200) return `${answer.statusCode} ${code}`;
  if (streamed && code !== undefined) return `in a stream: ${code}`;
  if (streamed && !tail.endsWith('data: [DONE]\n\n')) return 'a stream without its end';
  const [, tokens] = /"completion_tokens":(\d+)/.exec(tail) ?? [];
  if (tokens === undefined) return 'an answer without usage';
  sink.tokens(Number(tokens));
  return undefined;
}

function post(
  url: URL,
  body: string,
  options: { agent: Agent; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', headers, ...options }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}
