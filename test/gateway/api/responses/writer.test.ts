// For any answer, the response that OpenAI's client builds from the events equals the response without a stream.
import * as fc from 'fast-check';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import { expect, test } from 'vitest';
import { ResponseWriter } from '../../../../gateway/api/responses/output/writer.ts';
import { callsOf, flowing, messages, textOf } from '../../../support/message-events.ts';
import { event, response } from './shapes.ts';

const frame = {
  sampling: {},
  id: 'resp_1',
  created: 1,
  model: 'm',
  seed: 5,
  request: { model: 'm', input: 'x' },
};

/** The value as a client gets it, parsed from JSON. */
const sent = (value: object): unknown => JSON.parse(JSON.stringify(value));

test('events and response agree, and contain all text of the answer', async () => {
  await fc.assert(
    fc.asyncProperty(messages, async (said) => {
      const writer = new ResponseWriter(frame);
      const events = [];
      for await (const made of writer.events(flowing(said))) events.push(event.parse(sent(made)));
      const body = response.parse(sent(writer.response));
      const lines = events.map((each) => new TextEncoder().encode(`${JSON.stringify(each)}\n`));
      const read = await ResponseStream.fromReadableStream(ReadableStream.from(lines)).finalResponse();
      expect(read.output.map(({ type }) => type)).toEqual(body.output.map(({ type }) => type));
      expect(read.output_text).toBe(textOf(said, 'content'));
      const done = events.flatMap((each) => (each.type === 'response.output_item.done' ? [each.item] : []));
      expect(done).toEqual(body.output);
      const thoughts = body.output.flatMap((item) => (item.type === 'reasoning' ? item.content : []));
      expect(thoughts.map(({ text }) => text).join('')).toBe(textOf(said, 'reasoning'));
      const calls = body.output.flatMap((item) => {
        return item.type === 'function_call' ? [{ name: item.name, args: JSON.parse(item.arguments) }] : [];
      });
      expect(calls).toEqual(callsOf(said));
      const [cut, open] = [said.at(-1), body.output.at(-1)];
      if (cut?.type === 'finish') {
        expect(open?.status).toBe(cut.reason === 'length' ? 'incomplete' : 'completed');
      }
    }),
    { numRuns: 200, seed: 11 },
  );
});
