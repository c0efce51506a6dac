// Runs streams of completions. A stream sends its next request when an answer ends, and records everything about each answer.
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../base/error-text.ts';
import { post } from '../http.ts';
import { sum } from '../statistics.ts';
import type { CompletionBody } from './requests.ts';

export interface Answer {
  /** Index of the request. */
  request: number;
  /** Arrival of each event with tokens. All times are those of `performance.now()`. */
  times: number[];
  sentAt: number;
  endedAt: number;
  text: string;
  /** Hashes of the logits of each token. Equal hashes mean equal bits. */
  digests: string[];
  /** From the usage of the answer; 0 if there is no usage. */
  degradedHops: number;
  /** `whole`: complete. `hung`: no byte came for `hungMs`. */
  outcome: 'whole' | 'failed' | 'hung';
  /** Error of an answer that is not whole. */
  detail?: string;
}

interface StreamsOptions {
  url: string;
  /** Name of the model. */
  model: string;
  requests: readonly CompletionBody[];
  streams: number;
  /** Fields of `expertgrid` in each request, in addition to `digests`. */
  expertgrid?: { degrade?: string };
  onAnswer: (answer: Answer) => void;
  /** A stream that gets no byte for longer counts as hung. Default: 10 s. */
  hungMs?: number;
  /** Called before each request with the number of requests so far. The stream ends if it returns false. */
  goesOn: (asked: number) => boolean;
}

const HUNG_MS = 10_000;
/** Pause after an answer that failed or hung. */
const PAUSE_MS = 100;

/** Resolves when all streams have ended. Stream i sends requests i, i + streams, i + 2 * streams and so on, again and again. */
export async function runStreams(options: StreamsOptions): Promise<void> {
  const { requests, streams, onAnswer, goesOn } = options;
  let asked = 0;
  await Promise.all(
    Array.from({ length: streams }, async (_, stream) => {
      for (let turn = 0; goesOn(asked); turn++) {
        asked++;
        const answer = await ask(options, (stream + turn * streams) % requests.length);
        onAnswer(answer);
        if (answer.outcome !== 'whole') await delay(PAUSE_MS);
      }
    }),
  );
}

async function ask(
  { url, model, requests, expertgrid = {}, hungMs = HUNG_MS }: StreamsOptions,
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
      expertgrid: { digests: true, ...expertgrid },
    };
    const response = await post(new URL('/v1/completions', url), body, { signal: silence.signal });
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

/** Adds an event to the answer. Throws if the event is an error. */
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

/** Yields the data of each event as it comes. Throws if the status of the answer is not 200. */
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
