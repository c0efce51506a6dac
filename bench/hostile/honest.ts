// A thread that runs streams of an honest key and counts their tokens, so that the attack's client does not slow it down. Started with {url, model, key, streams}; each message is answered with the tokens so far, `end` with a report.

import { request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { errorText } from '../../base/error-text.ts';
import { now } from '../engine.ts';
import { hearStream } from './endings.ts';

export interface HonestReport {
  tokens: number;
  /** `performance.timeOrigin` based milliseconds. */
  at: number;
  /** Answers that ended as they should. */
  whole: number;
  /** What went wrong with the others. */
  failures: string[];
}

if (parentPort === null) throw new Error('this module is the entry of a worker thread');
const parent = parentPort;
const { url, model, key, streams } = z
  .object({ url: z.string(), model: z.string(), key: z.string(), streams: z.number() })
  .parse(workerData);
const ANSWER = 400;
const found = { tokens: 0, whole: 0, failures: [] as string[] };
let ended = false;
const leaving = new AbortController();
const all = Array.from({ length: streams }, (_, n) => keepAsking(n));
parent.on('message', (message: string) => {
  if (message === 'end') {
    ended = true;
    leaving.abort();
    void Promise.all(all).then(() => {
      report();
      parent.close();
    });
  } else report();
});

function report(): void {
  parent.postMessage({ ...found, at: now() } satisfies HonestReport);
}

async function keepAsking(n: number): Promise<void> {
  for (let answer = 0; !ended; answer++) {
    const prompt = Array.from({ length: 16 }, (_, i) => (31 * n + 7 * i * (n + answer + 1)) % 250);
    const body = { model, prompt, max_tokens: ANSWER, ignore_eos: true, stream: true, seed: n };
    try {
      const { status, ending } = await hearStream(
        { url: new URL('/v1/completions', url), key, body, signal: leaving.signal, request },
        (events) => {
          found.tokens += events;
        },
      );
      if (status === 200 && ending === 'finish') found.whole++;
      else found.failures.push(`${status} ${ending}`);
    } catch (error) {
      if (!ended) found.failures.push(errorText(error));
    }
  }
}
