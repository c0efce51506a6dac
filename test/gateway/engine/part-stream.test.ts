import { describe, expect, it } from 'vitest';
import type { GenerationPart } from '../../../gateway/engine/messages.ts';
import { PartStream } from '../../../gateway/engine/part-stream.ts';

const token = (id: number): GenerationPart => ({ type: 'token', id });
const finish: GenerationPart = {
  type: 'finish',
  reason: 'length',
  promptTokens: 1,
  completionTokens: 2,
  cachedTokens: 0,
};
const error = { type: 'error', error: { code: 'internal', message: 'broken', retryable: false } } as const;

/** A stream, and what happened to its generation. `left`: the arguments with which the stream left it. */
function open(signal = new AbortController().signal) {
  const seen = { begun: 0, left: [] as boolean[], bytes: 0 };
  const unread: [tokens: number, failed: boolean][] = [];
  const stream = new PartStream({
    signal,
    begin: () => {
      seen.begun++;
      return (whole) => seen.left.push(whole);
    },
    onBytes: (change) => {
      seen.bytes += change;
    },
    onDrop: (...dropped) => unread.push(dropped),
  });
  return { stream, seen, unread };
}

async function rest(stream: PartStream): Promise<GenerationPart[]> {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

describe('the stream of a generation', () => {
  it('starts the generation at the first read, and gives all parts in order whether they came early or late', async () => {
    const { stream, seen } = open();
    expect(seen.begun).toBe(0);
    const first = stream.next();
    expect(seen.begun).toBe(1);
    stream.push(token(1));
    stream.push(token(2));
    expect(await first).toEqual({ done: false, value: token(1) });
    const last = rest(stream);
    stream.push(finish);
    expect(await last).toEqual([token(2), finish]);
    expect(seen).toEqual({ begun: 1, left: [true], bytes: 0 });
  });

  it('drops unread parts and stops the generation once if its reader leaves or its signal is aborted', async () => {
    for (const how of ['return', 'abort']) {
      const abort = new AbortController();
      const { stream, seen, unread } = open(abort.signal);
      const first = stream.next();
      stream.push(token(1));
      stream.push(token(2));
      await first;
      expect(seen.bytes).toBeGreaterThan(0);
      if (how === 'return') await stream.return();
      else abort.abort();
      stream.push(token(3));
      expect(await stream.next()).toEqual({ done: true, value: undefined });
      await stream.return();
      expect(seen).toEqual({ begun: 1, left: [false], bytes: 0 });
      expect(unread).toEqual([[1, false]]);
    }
  });

  it('ends a waiting read if the signal is aborted', async () => {
    const abort = new AbortController();
    const { stream } = open(abort.signal);
    const waiting = stream.next();
    abort.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('starts nothing if the reader leaves, or the signal is aborted, before the first read', async () => {
    const left = open();
    await left.stream.return();
    expect(await rest(left.stream)).toEqual([]);
    const aborted = open(AbortSignal.abort());
    expect(await rest(aborted.stream)).toEqual([]);
    expect([left.seen.begun, aborted.seen.begun]).toEqual([0, 0]);
  });

  it('replaces unread parts by the error with which it fails', async () => {
    const { stream, seen, unread } = open();
    const first = stream.next();
    stream.push(token(1));
    stream.push(token(2));
    stream.fail(error);
    stream.push(token(3));
    await first;
    expect(await rest(stream)).toEqual([error]);
    expect(seen.left).toEqual([true]);
    expect(unread).toEqual([[1, true]]);
  });
});
