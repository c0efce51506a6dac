// Streams of completions: each stream sends the next request when an answer ends, and records its text, digests, arrivals and end.

import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import type { CompletionBody } from './requests.ts';

export interface Answer {
  /** Index of what was asked. */
  request: number;
  /** Of each event with text, on the clock of `performance.now()`. */
  times: number[];
  sentAt: number;
  endedAt: number;
  text: string;
  /** Hashes of every token's logits: equal hashes mean equal bits. */
  digests: string[];
  /** From the answer's usage; 0 if it has none. */
  degradedHops: number;
  outcome: 'whole' | 'failed' | 'hung';
  /** What was wrong, if anything. */
  detail?: string;
}

export interface StreamsOptions {
  url: string;
  /** Name of the model. */
  model: string;
  requests: readonly CompletionBody[];
  streams: number;
  /** Sent with every request beside `digests`. */
  allow?: { degrade?: string };
  onAnswer: (answer: Answer) => void;
  /** A stream without a byte for longer hangs. Milliseconds. */
  hungMs?: number;
  /** Called before each request. The stream ends if it returns false. */
  goesOn: (asked: number) => boolean;
}

const HUNG = 10_000;
/** After a failure. Milliseconds. */
const BREATH = 100;

/** Resolves when all streams are over; each asks every `streams`th request in turn. */
export async function runStreams(options: StreamsOptions): Promise<void> {
  const { requests, streams, onAnswer, goesOn } = options;
  let asked = 0;
  await Promise.all(
    Array.from({ length: streams }, async (_, stream) => {
      for (let turn = 0; goesOn(asked); turn++) {
        asked++;
        const answer = await ask(options, (stream + turn * streams) % requests.length);
        onAnswer(answer);
        if (answer.outcome !== 'whole') await delay(BREATH);
      }
    }),
  );
}

async function ask(
  { url, model, requests, allow = {}, hungMs = HUNG }: StreamsOptions,
  index: number,
): Promise<Answer> {
  const answer: Answer = {
    request: index,
    times: [],
    sentAt: performance.now(),
    endedAt: 0,
    text: '',
    digests: [],
    degradedHops: 0,
    outcome: 'failed',
  };
  const silence = new AbortController();
  const onSilence = () => silence.abort();
  let timer = setTimeout(onSilence, hungMs);
  try {
    const body = {
      model,
      ...requests[index],
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true },
      expertgrid: { digests: true, ...allow },
    };
    const response = await post(new URL('/v1/completions', url), JSON.stringify(body), silence.signal);
    let done = false;
    for await (const data of eventsOf(response)) {
      clearTimeout(timer);
      timer = setTimeout(onSilence, hungMs);
      if (data === '[DONE]') done = true;
      else note(answer, data);
    }
    if (!done) throw new Error('the stream ended without [DONE]');
    answer.outcome = 'whole';
  } catch (error) {
    answer.outcome = silence.signal.aborted ? 'hung' : 'failed';
    answer.detail = errorText(error);
  } finally {
    clearTimeout(timer);
  }
  answer.endedAt = performance.now();
  return answer;
}

interface StreamedEvent {
  choices?: { text: string; finish_reason: string | null }[];
  expertgrid?: { digests?: string[] };
  usage?: { degraded_hops?: number | Record<string, number> } | null;
  error?: { code: string | null; message: string };
}

/** Throws if the event is an error. */
function note(answer: Answer, data: string): void {
  const { choices = [], expertgrid = {}, usage, error } = JSON.parse(data) as StreamedEvent;
  if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
  const { digests = [] } = expertgrid;
  if (digests.length > 0) answer.times.push(performance.now());
  answer.digests.push(...digests);
  for (const { text } of choices) answer.text += text;
  const hops = usage?.degraded_hops ?? 0;
  answer.degradedHops += typeof hops === 'number' ? hops : sum(Object.values(hops));
}

/** The data of each event as it comes; throws if the answer is none. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<string, void, undefined> {
  let held = '';
  for await (const chunk of response.setEncoding('utf8')) {
    held += chunk;
    if (response.statusCode !== 200) continue;
    const events = held.split('\n\n');
    held = events.pop() ?? '';
    for (const event of events) yield event.replace(/^data: /, '');
  }
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${held.slice(0, 300)}`);
}

function post(url: URL, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', headers, signal }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
