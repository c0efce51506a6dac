// Entry of a thread that runs the streams of the honest API key and counts their tokens. It is a thread of its own so
// that the client of the attack does not slow it. It is started with `Honest` and answers each message with an
// `HonestReport`; the message `end` ends it.
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../base/error-text.ts';
import { now } from '../engine.ts';
import { ask } from '../http.ts';

export interface Honest {
  /** URL of the gateway. */
  url: string;
  model: string;
  key: string;
  streams: number;
}

export interface HonestReport {
  tokens: number;
  /** Time of the report, on the clock of `now()`. */
  at: number;
  /** Number of answers that finished. */
  whole: number;
  /** Reason of every answer that did not finish. */
  failures: string[];
}

const parent = parentPort!;
const { url, model, key, streams }: Honest = workerData;
/** Tokens of an answer. */
const ANSWER = 400;
const found = { tokens: 0, whole: 0, failures: [] as string[] };
const leaving = new AbortController();
const { signal } = leaving;
const all = Array.from({ length: streams }, (_, n) => keepAsking(n));
parent.on('message', async (message: string) => {
  if (message === 'end') {
    leaving.abort();
    await Promise.all(all);
  }
  parent.postMessage({ ...found, at: now() } satisfies HonestReport);
  if (message === 'end') parent.close();
});

async function keepAsking(n: number): Promise<void> {
  const onEvent = () => {
    found.tokens++;
  };
  for (let answer = 0; !signal.aborted; answer++) {
    const prompt = Array.from({ length: 16 }, (_, i) => (31 * n + 7 * i * (n + answer + 1)) % 250);
    const body = { model, prompt, max_tokens: ANSWER, ignore_eos: true, stream: true, seed: n };
    try {
      const options = { key, signal, agent: false, onEvent } as const;
      const { status, ending } = await ask(new URL('/v1/completions', url), body, options);
      if (status === 200 && ending === 'finish') found.whole++;
      else found.failures.push(`${status} ${ending}`);
    } catch (error) {
      if (!signal.aborted) found.failures.push(errorText(error));
    }
  }
}
