import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relayEvents } from '../../../infra/edge/streams/event-stream.ts';

const encode = (text: string) => new TextEncoder().encode(text);

/** A body that gives the pieces one by one, and then ends or fails with `failure`. */
function bodyOf(pieces: readonly Uint8Array[], failure?: Error): ReadableStream<Uint8Array> {
  const left = pieces.values();
  return new ReadableStream({
    pull(controller) {
      const { done, value } = left.next();
      if (done !== true) controller.enqueue(value);
      else if (failure !== undefined) controller.error(failure);
      else controller.close();
    },
  });
}

async function read(stream: ReadableStream<Uint8Array>): Promise<{ text: string; error?: unknown }> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let text = '';
  try {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
    return { text };
  } catch (error) {
    return { text, error };
  }
}

/** The bytes in pieces, cut at the given places. */
function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
}

/** The data of each complete event: one that ends with a blank line. */
const dataOf = (text: string) => Array.from(text.matchAll(/^data: (.*)\n\n/gm), ([, data]) => data!);

const token = fc.string({ unit: 'grapheme' }).map((text) => `data: ${JSON.stringify({ text })}\n\n`);
const tokens = fc.array(token, { maxLength: 6 }).map((events) => events.join(''));
const places = fc.array(fc.nat(), { maxLength: 8 });
const endings = [
  'data: [DONE]\n\n',
  'data:[DONE]\r\n\r\n',
  'data: [DONE]',
  'data: {"error":{"message":"x"}}\n\n',
  'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  'event: response.completed\ndata: {"type":"response.completed"}\n\n',
];

describe('a relayed event stream', () => {
  it('has the same bytes, in whatever pieces they come, if the stream ends with [DONE] or an error', async () => {
    await fc.assert(
      fc.asyncProperty(tokens, fc.constantFrom(...endings), places, async (text, ending, cuts) => {
        expect(await read(relayEvents(bodyOf(cutAt(encode(text + ending), cuts))))).toEqual({
          text: text + ending,
        });
      }),
      { seed: 11 },
    );
  });

  it('has the complete lines and then an error event if the source is cut at any byte', async () => {
    await fc.assert(
      fc.asyncProperty(tokens, fc.nat(), places, async (text, length, cuts) => {
        const bytes = encode(text);
        const kept = bytes.subarray(0, length % (bytes.length + 1));
        const { text: seen, error } = await read(relayEvents(bodyOf(cutAt(kept, cuts))));
        expect(error).toBeUndefined();
        const events = dataOf(seen).map((data) => JSON.parse(data));
        const complete = new TextDecoder().decode(kept).split('\n').slice(0, -1);
        expect(events.slice(0, -1).map((event) => `data: ${JSON.stringify(event)}`)).toEqual(
          complete.filter((line) => line !== ''),
        );
        expect(events.at(-1)).toMatchObject({
          error: { type: 'server_error', param: null, code: 'stream_cut' },
        });
      }),
      { seed: 12 },
    );
  });

  it('has the error event and then fails if reading the source fails', async () => {
    const broken = new Error('connection reset');
    const { text, error } = await read(relayEvents(bodyOf([encode('data: {"n":1}\n\n')], broken)));
    expect(dataOf(text).map((data) => JSON.parse(data))).toMatchObject([
      { n: 1 },
      { error: { code: 'stream_cut' } },
    ]);
    expect(error).toBe(broken);
  });

  it('has no error event if the source fails after [DONE]', async () => {
    const stream = relayEvents(bodyOf([encode('data: [DONE]\n\n')], new Error('connection reset')));
    expect((await read(stream)).text).toBe('data: [DONE]\n\n');
  });

  it('does not mistake text with [DONE] or "error" in it for an end', async () => {
    const sly = 'data: {"text":"data: [DONE]"}\n\ndata: {"text":{"error":{}}}\n\n';
    expect((await read(relayEvents(bodyOf([encode(sly)])))).text).toContain('"code":"stream_cut"');
  });

  it('reads its source only when it is read, and cancels the source when it is cancelled', async () => {
    let pulls = 0;
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => controller.enqueue(encode(`data: ${pulls++}\n\n`)),
        cancel: (reason) => {
          cancelled = reason;
        },
      },
      { highWaterMark: 0 },
    );
    const reader = relayEvents(source).getReader();
    expect(pulls).toBe(0);
    await reader.read();
    expect(pulls).toBe(1);
    await reader.cancel('gone');
    expect(cancelled).toBe('gone');
  });
});
