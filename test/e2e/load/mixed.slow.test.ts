// Short and very long contexts in one batch: each gives the same answer as alone, and short contexts do not wait for a
// long prompt.
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyBundle } from '../../support/models/tiny-bundle.ts';
import { seedOf, uniform } from '../../support/random.ts';
import { type Gateway, startUp, stream } from '../gateway.ts';

const LONG = 8_000;
const SHORT = 100;
const TOKENS = 24;

interface Answer {
  digests: string[];
  text: string;
  /** Milliseconds from the request to the first token, and between two tokens. */
  first: number;
  gaps: number[];
  endedAt: number;
}

async function ask(
  up: Gateway,
  { length, seed, onFirst = () => {} }: { length: number; seed: number; onFirst?: () => void },
): Promise<Answer> {
  const next = uniform(seedOf(seed, 'prompt'));
  const prompt = Array.from({ length }, () => Math.floor(256 * next()));
  const body = { prompt, max_tokens: TOKENS, temperature: 0.8, seed, expertgrid: { digests: true } };
  const startedAt = performance.now();
  const answer: Answer = { digests: [], text: '', first: 0, gaps: [], endedAt: 0 };
  let last: number | undefined;
  for await (const { choices, expertgrid, error, at } of stream(up, body)) {
    expect(error).toBeUndefined();
    const digests = expertgrid?.digests ?? [];
    answer.digests.push(...digests);
    answer.text += choices?.[0]?.text ?? '';
    if (digests.length > 0) {
      if (last !== undefined) answer.gaps.push(at - last);
      else {
        answer.first = at - startedAt;
        onFirst();
      }
      last = at;
    }
    answer.endedAt = at;
  }
  expect(answer.digests.length).toBe(TOKENS);
  return answer;
}

const same = ({ digests, text }: Answer) => ({ digests, text });
const largest = (values: readonly number[]) => Math.round(Math.max(...values));

let up: Gateway;
beforeAll(async () => {
  up = await startUp(await tinyBundle({ context: 8_192 }), ['--device', 'ort-cpu']);
});

describe(`contexts of ${SHORT} and ${LONG} tokens in one batch`, () => {
  it('give the same answers as alone, and the short ones end before the long prompt is computed', async () => {
    const alone = [await ask(up, { length: LONG, seed: 0 })];
    for (let seed = 1; seed <= 4; seed++) alone.push(await ask(up, { length: SHORT, seed }));

    // A short context generates when the long prompt arrives, and more short contexts arrive while it is computed.
    const generates = Promise.withResolvers<void>();
    const early = ask(up, { length: SHORT, seed: 1, onFirst: generates.resolve });
    await generates.promise;
    const long = ask(up, { length: LONG, seed: 0 });
    await delay(100);
    const late = [2, 3, 4].map((seed) => ask(up, { length: SHORT, seed }));
    const [longAnswer, ...shortAnswers] = await Promise.all([long, early, ...late]);
    expect([longAnswer, ...shortAnswers].map(same)).toEqual(alone.map(same));

    console.log(
      `measured: ${SHORT}-token contexts beside a prefill of ${LONG} tokens ` +
        `(${Math.round(longAnswer.first)} ms; alone ${Math.round(alone[0]?.first ?? 0)} ms): ` +
        `first token within ${largest(shortAnswers.map(({ first }) => first))} ms, ` +
        `largest gap ${largest(shortAnswers.flatMap(({ gaps }) => gaps))} ms ` +
        `(alone ${largest(alone.slice(1).map(({ first }) => first))} and ${largest(alone.slice(1).flatMap(({ gaps }) => gaps))} ms)`,
    );
    const longFirstAt = longAnswer.endedAt - longAnswer.gaps.reduce((sum, gap) => sum + gap, 0);
    for (const { endedAt } of shortAnswers) expect(endedAt).toBeLessThan(longFirstAt);
  });
});
