// One client of the soak: sends requests of mixed kinds and lengths, and leaves some of them midway.

import { type IncomingMessage, request } from 'node:http';
import { errorText } from '../../base/error-text.ts';
import { now } from '../engine.ts';

export interface SoakRequest {
  body: Record<string, unknown>;
  /** Milliseconds after which the client leaves. */
  leaveAfterMs?: number;
}

/** All times in milliseconds. */
export interface SoakSink {
  token(count: number): void;
  gap(ms: number): void;
  firstToken(ms: number): void;
  request(outcome: 'whole' | 'left' | 'error', detail?: string): void;
}

export interface RequestLimits {
  vocab: number;
  /** Most tokens of prompt and answer together. */
  context: number;
}

const PROMPT = [8, 1_500] as const;
const ANSWER = [4, 256] as const;
const LEAVING_SHARE = 0.15;
const STAY_MS = [30, 4_000] as const;

/** A random request. Every order of magnitude of lengths is equally likely. `random` returns numbers in [0, 1). */
export function soakRequest(random: () => number, { vocab, context }: RequestLimits): SoakRequest {
  const between = ([least, most]: readonly [number, number]) =>
    Math.floor(least * (most / least) ** random());
  const max_tokens = Math.min(between(ANSWER), context >> 1);
  const length = Math.min(between(PROMPT), context - max_tokens);
  const greedy = random() < 0.5;
  const body = {
    prompt: random() < 0.5 ? ids(random, length, vocab) : text(random, length),
    max_tokens,
    ignore_eos: true,
    stream: random() < 0.7,
    ...(greedy ? { temperature: 0 } : { temperature: 0.8, top_p: 0.95 }),
    seed: Math.floor(random() * 2 ** 31),
  };
  const leaves = random() < LEAVING_SHARE;
  return { body, ...(leaves && { leaveAfterMs: between(STAY_MS) }) };
}

function ids(random: () => number, length: number, vocab: number): number[] {
  return Array.from({ length }, () => Math.floor(random() * vocab));
}

/** A text of `length` characters, which has at most as many tokens. */
function text(random: () => number, length: number): string {
  let words = '';
  while (words.length < length) {
    const letters = Array.from(
      { length: 2 + Math.floor(random() * 7) },
      () => 97 + Math.floor(random() * 26),
    );
    words += `${String.fromCharCode(...letters)} `;
  }
  return words.slice(0, length);
}

/** Sends requests one after another until `signal` is aborted, which also ends a running request. */
export async function runClient(
  url: URL,
  model: string,
  next: () => SoakRequest,
  sink: SoakSink,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const { body, leaveAfterMs } = next();
    const leaving = leaveAfterMs === undefined ? [] : [AbortSignal.timeout(leaveAfterMs)];
    const left = AbortSignal.any([signal, ...leaving]);
    try {
      await ask(url, { model, ...body }, sink, left);
      sink.request('whole');
    } catch (error) {
      if (left.aborted) sink.request('left');
      else sink.request('error', errorText(error));
    }
  }
}

async function ask(
  url: URL,
  body: Record<string, unknown>,
  sink: SoakSink,
  signal: AbortSignal,
): Promise<void> {
  const sentAt = now();
  const response = await post(url, JSON.stringify(body), signal);
  let last: number | undefined;
  let held = '';
  let whole = '';
  for await (const chunk of response) {
    if (body.stream !== true || response.statusCode !== 200) {
      whole += chunk;
      continue;
    }
    const events = (held + chunk).split('\n\n');
    held = events.pop() ?? '';
    for (const event of events) {
      if (event.includes('"error"')) throw new Error(event);
      if (event === 'data: [DONE]') return;
      // The last event has the finish reason and no text.
      if (/"finish_reason":"/.test(event)) continue;
      const at = now();
      if (last === undefined) sink.firstToken(at - sentAt);
      else sink.gap(at - last);
      last = at;
      sink.token(1);
    }
  }
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${whole.slice(0, 300)}`);
  if (body.stream === true) throw new Error('a stream ended without [DONE]');
  const tokens = /"completion_tokens":(\d+)/.exec(whole)?.[1];
  if (tokens === undefined) throw new Error(`an answer without usage: ${whole.slice(0, 300)}`);
  sink.token(Number(tokens));
}

function post(url: URL, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', headers, signal }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}
