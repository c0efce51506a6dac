// Sends a request through the edge, reads its answer, and makes answers comparable.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { errorText } from '../../base/error-text.ts';
import { post } from '../http.ts';
import type { Fleet } from './fleet.ts';
import type { Kind } from './kinds.ts';

export interface Answer {
  /** `x-request-id`, which is unique. */
  id: string;
  kind: number;
  /** When each event arrived, on the clock of `performance.now()`. */
  times: number[];
  sentAt: number;
  endedAt: number;
  /** The comparable events, or the comparable whole answer. */
  content: string;
  outcome: 'whole' | 'failed' | 'hung';
  /** Why the answer is not whole. */
  detail?: string;
}

/** An answer hangs if nothing arrives for this time. */
const HUNG_MS = 60_000;

export async function ask(
  { edge: url, key }: Pick<Fleet, 'edge' | 'key'>,
  kinds: readonly Kind[],
  index: number,
): Promise<Answer> {
  const kind = kinds[index];
  if (kind === undefined) throw new Error(`there is no kind ${index}`);
  const answer: Answer = {
    id: randomUUID(),
    kind: index,
    times: [],
    sentAt: performance.now(),
    endedAt: 0,
    content: '',
    outcome: 'failed',
  };
  const silence = new AbortController();
  const onSilence = () => silence.abort();
  let timer = setTimeout(onSilence, HUNG_MS);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(onSilence, HUNG_MS);
  };
  try {
    const response = await post(new URL(kind.path, url), kind.body, {
      key,
      id: answer.id,
      signal: silence.signal,
    });
    const text = await read(response, answer, alive);
    if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${text.slice(0, 300)}`);
    answer.content = kind.streamed ? comparableEvents(text) : comparable([JSON.parse(text)]);
    answer.outcome = 'whole';
  } catch (error) {
    answer.outcome = silence.signal.aborted ? 'hung' : 'failed';
    answer.detail = `${kind.name}: ${errorText(error)}`;
  } finally {
    clearTimeout(timer);
  }
  answer.endedAt = performance.now();
  return answer;
}

async function read(response: IncomingMessage, { times }: Answer, alive: () => void): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    alive();
    text += chunk;
    if (/^(event|data):/m.test(chunk)) times.push(performance.now());
  }
  return text;
}

const ends = /^(data: \[DONE\]|event: message_stop|event: response\.(completed|incomplete))$/m;

/** Throws if the stream has no proper end. */
function comparableEvents(text: string): string {
  const blocks = text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
  if (!ends.test(blocks.at(-1) ?? ''))
    throw new Error(`the stream ended with ${blocks.at(-1)?.slice(0, 300)}`);
  const values = blocks.flatMap((block) => {
    const data =
      block
        .split('\n')
        .find((line) => line.startsWith('data: '))
        ?.slice('data: '.length) ?? '';
    return data === '[DONE]' ? [] : [JSON.parse(data)];
  });
  return comparable(values);
}

/** Fields that may differ: times, numbers of cached tokens, and what the first event of several choices has. */
const VARYING = new Set([
  'created',
  'created_at',
  'completed_at',
  'cached_tokens',
  'cache_read_input_tokens',
  'input_tokens',
]);
const ID = /^(cmpl|chatcmpl|resp|msg|rs|fc|ctc|call|toolu)[-_][0-9a-f]{24,32}$/;

/** Equal texts: equal events for each choice. Ids become their number in order, so that an id that changes is found. */
function comparable(values: readonly { choices?: { index: number }[] }[]): string {
  const ids = new Map<string, string>();
  const plain = (key: string, value: unknown): unknown => {
    if (VARYING.has(key)) return 'varies';
    if (key === 'expertgrid') return undefined; // the seed, which the first event of a stream has
    if (typeof value !== 'string' || !ID.test(value)) return value;
    const known = ids.get(value) ?? `id ${ids.size}`;
    ids.set(value, known);
    return known;
  };
  const byChoice = Map.groupBy(values, ({ choices }) => (choices?.length === 1 ? choices[0]?.index : -1));
  const sorted = [...byChoice].sort(([a = -1], [b = -1]) => a - b);
  return JSON.stringify(sorted, plain);
}
