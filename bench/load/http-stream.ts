// One streamed completion: arrival of each event, and the usage at the end. Events are counted and not parsed, so that the client takes
// little of the cores that it shares with the server.
import { type IncomingMessage, request } from 'node:http';
import { now, type Stream } from '../engine.ts';

/** Events after the tokens: the finish, the usage and `[DONE]`. */
const CLOSING_EVENTS = 3;
/** Holds the closing events. */
const TAIL = 4096;

export async function streamCompletion(url: URL, body: object): Promise<Stream> {
  const response = await post(url, JSON.stringify(body));
  const times: number[] = [];
  let tail = '';
  for await (const chunk of response) {
    const at = now();
    const text = String(chunk);
    // An event ends with an empty line, which may be cut in two.
    const joined = tail.slice(-1) + text;
    if (response.statusCode === 200)
      for (let i = joined.indexOf('\n\n'); i >= 0; i = joined.indexOf('\n\n', i + 2)) times.push(at);
    tail = (tail + text).slice(-TAIL);
  }
  if (response.statusCode !== 200) throw new Error(`${url.pathname}: ${response.statusCode} ${tail}`);
  const tokens = Number(/"completion_tokens":(\d+)/.exec(tail)?.[1]);
  if (!tail.includes('[DONE]') || Number.isNaN(tokens))
    throw new Error(`${url.pathname}: cut short: ${tail}`);
  return { times: times.slice(0, -CLOSING_EVENTS), tokens };
}

function post(url: URL, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', headers }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}
