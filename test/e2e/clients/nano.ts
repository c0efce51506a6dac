// Runs `up` on nano for a test file, and makes a fetch for clients that checks every answer against OpenAI's published API.
import { expect } from 'vitest';
import { eventually } from '../../support/process.ts';
import { engineCounter, type Gateway, scrape, startUp } from '../gateway.ts';
import { type Asked, answerFaults, askedOf, responseStreamFaults, streamFaults } from './published.ts';

export interface Nano extends Gateway {
  /** Base URL for clients. */
  baseURL: string;
  fetch: typeof globalThis.fetch;
  /** Fails if an answer since the last call of this function broke the published API, or if there was no answer. */
  requirePublished(): void;
}

/** Starts `up` with two shard processes, which end after the test file. `model` is served under the name `nano`. */
export async function startNano(model = 'nano'): Promise<Nano> {
  const gateway = await startUp(model, ['--shards', '2']);
  let faults: string[] = [];
  let calls = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    calls++;
    const response = await globalThis.fetch(input, init);
    const asked = askedOf(init?.body);
    const { status, headers } = response;
    if (!headers.get('content-type')?.startsWith('text/event-stream') || response.body === null) {
      const text = await response.text();
      faults.push(...answerFaults(JSON.parse(text), asked));
      return new Response(text, { status, headers });
    }
    const watched = response.body.pipeThrough(readAlong(asked, (found) => faults.push(...found)));
    return new Response(watched, { status, headers });
  };
  return {
    ...gateway,
    baseURL: `${gateway.url}/v1`,
    fetch,
    requirePublished() {
      const found = faults;
      expect(calls).toBeGreaterThan(0);
      faults = [];
      calls = 0;
      expect(found).toEqual([]);
    },
  };
}

/** Passes bytes on unchanged. A stream that its reader leaves is not checked. */
function readAlong(asked: Asked, tell: (faults: string[]) => void): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  let text = '';
  return new TransformStream({
    transform(bytes, controller) {
      text += decoder.decode(bytes, { stream: true });
      controller.enqueue(bytes);
    },
    flush() {
      const events = text.split('\n\n').filter((event) => event !== '' && !event.startsWith(':'));
      const data = events.map((event) => event.replace(/^(event: \S+\n)?data: /, ''));
      const values = data.filter((value) => value !== '[DONE]').map((value): object => JSON.parse(value));
      if (text.startsWith('event: ')) tell(responseStreamFaults(values));
      else tell(streamFaults(values, { done: data.at(-1) === '[DONE]', asked }));
    },
  });
}

/** Resolves when the engine runs a request. */
export async function busy({ url }: Gateway): Promise<void> {
  await eventually(async () => ((await scrape(url)).get('expertgrid_sequences_running') ?? 0) > 0);
}

/** Checks that nothing runs or waits after a second, or after another second if the machine is busy. */
export async function requireIdle({ url }: Gateway): Promise<void> {
  await eventually(async () => {
    const samples = await scrape(url);
    return ['running', 'waiting'].every((state) => samples.get(`expertgrid_sequences_${state}`) === 0);
  }, 2_000);
}

/** Runs a call that its client leaves. Checks that nothing runs afterwards and that the request was cancelled. */
export async function requireStopped(nano: Gateway, leave: () => Promise<void>): Promise<void> {
  const before = await engineCounter(nano, 'aborted_sequences');
  await leave();
  await requireIdle(nano);
  expect(await engineCounter(nano, 'aborted_sequences')).toBe(before + 1);
}
