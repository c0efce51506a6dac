// Sends broken requests to the API. Its engine answers with random text that ignores all constraints.

import { expect } from 'vitest';
import { errorText } from '../../../../base/error-text.ts';
import { THINKING_TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { seedOf, uniform } from '../../../support/random.ts';
import { idOf, JSON_TYPE, type Room, say, startRoom, VOCAB } from '../harness.ts';
import { type BrokenRequest, requestBreaker, requireAnswer } from './fuzz.ts';
import { honestRequests } from './fuzz-requests.ts';

/** Time limit of a request. Even on a busy machine, no answer takes this long. */
const hangMs = 30_000;
const lanes = 4;

export interface Fuzzed {
  /** The first twenty wrong answers, each with its request. */
  faults: string[];
  /** Number of answers by status. */
  answers: Map<number, number>;
  slowest: { ms: number; path: string; text: string };
}

/** Rejects if a valid request is not answered. */
export async function fuzzRoom({ requests, seed }: { requests: number; seed: number }): Promise<Fuzzed> {
  const room = await startRoom({
    once: true,
    chat: THINKING_TOOL_TEMPLATE,
    context: 4096,
    reply: ({ prompt, sampling }) => babble(uniform(seedOf(sampling.choice, prompt.join()))),
  });
  const faults: string[] = [];
  const answers = new Map<number, number>();
  let slowest = { ms: 0, path: '', text: '' };
  let sent = 0;
  async function lane(number: number): Promise<void> {
    const broken = requestBreaker(uniform(seed * lanes + number));
    while (sent < requests) {
      if (++sent % 500 === 0) await requirePlain(room);
      const request = broken();
      const begun = performance.now();
      const answer = await send(room, request);
      const ms = performance.now() - begun;
      if (ms > slowest.ms) slowest = { ms, path: request.path, text: request.text.slice(0, 500) };
      answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1);
      try {
        requireAnswer(request, answer);
      } catch (cause) {
        const why = errorText(cause);
        if (faults.length < 20) faults.push(`${why}\n  ${request.path} ${request.text.slice(0, 1_000)}`);
      }
    }
  }
  try {
    await requirePlain(room);
    await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
    await requirePlain(room);
    expect(room.engine.open).toBe(0);
    expect('polluted' in {}).toBe(false);
  } finally {
    await room.server.close(0);
  }
  return { faults, answers, slowest };
}

async function send({ url }: Room, { path, text }: Pick<BrokenRequest, 'path' | 'text'>) {
  const signal = AbortSignal.timeout(hangMs);
  const response = await fetch(url + path, { method: 'POST', headers: JSON_TYPE, body: text, signal });
  const type = response.headers.get('content-type') ?? '';
  return { status: response.status, type, text: await response.text() };
}

/** Checks that the valid requests are still answered. */
async function requirePlain(room: Room): Promise<void> {
  for (const { path, body } of honestRequests) {
    const request = { path, text: JSON.stringify(body), fields: undefined };
    const answer = await send(room, request);
    expect(answer.status, `${answer.text}\n${path} ${request.text}`).toBe(200);
    requireAnswer(request, answer);
  }
}

const phrases = [
  'hello world',
  ' \n\n ',
  '<think>',
  '</think>',
  '<tool_call>\n',
  '{"name": "weather", "arguments": ',
  '{"city": "Bonn"}',
  '}\n</tool_call>',
  '"\\"{[',
  '\u2028é😀',
];

/** The answer of a broken model: pieces of calls and of thinking, bytes that are not valid text, and ids without a token. */
function babble(next: () => number): number[] {
  const below = (limit: number) => Math.floor(next() * limit);
  const pieces = Array.from({ length: below(12) }, () => {
    if (next() < 0.7) return say(phrases[below(phrases.length)] ?? '');
    return Array.from({ length: below(4) }, () => below(VOCAB));
  });
  return [...pieces.flat(), ...(next() < 0.5 ? [idOf('<|end|>')] : [])];
}
