// For any answer, the message that Anthropic's client builds from the events equals the message without a stream.
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageWriter } from '../../../../gateway/api/anthropic/writer.ts';
import { callsOf, flowing, messages, textOf } from '../../../support/message-events.ts';
import { event, message } from './shapes.ts';

const frame = { id: 'msg_1', model: 'm', seed: 5, schemaNotes: [], promptTokens: 7, room: 8, asked: {} };

test('events and message agree, and contain all text of the answer', async () => {
  await fc.assert(
    fc.asyncProperty(messages, async (said) => {
      const writer = new MessageWriter(frame);
      const events = [];
      for await (const made of writer.events(flowing(said))) events.push(event.parse(made));
      const body = message.parse(writer.message);
      const lines = events.map((each) => new TextEncoder().encode(`${JSON.stringify(each)}\n`));
      const read = await MessageStream.fromReadableStream(ReadableStream.from(lines)).finalMessage();
      const { content, stop_reason, usage } = body;
      expect(JSON.parse(JSON.stringify(read))).toMatchObject({ content, stop_reason, usage });
      const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      const thoughts = content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join('');
      expect([text, thoughts]).toEqual([textOf(said, 'content'), textOf(said, 'reasoning')]);
      const calls = content.flatMap((block) => {
        return block.type === 'tool_use' ? [{ name: block.name, args: block.input }] : [];
      });
      expect(calls).toEqual(callsOf(said));
      expect(content.some(({ type }) => type !== 'thinking')).toBe(true);
      expect(usage).toMatchObject({ input_tokens: 4, cache_read_input_tokens: 3 });
    }),
    { numRuns: 200, seed: 12 },
  );
});

test('a call that is cut off has an empty input, and the events contain the pieces of its JSON', async () => {
  const writer = new MessageWriter(frame);
  const usage = { promptTokens: 7, completionTokens: 4, cachedTokens: 0 };
  const said = [
    { type: 'call' as const, index: 0, call: 0, id: 'call_1', name: 'f', tokens: [] },
    { type: 'arguments' as const, index: 0, call: 0, text: '{"city":', tokens: [] },
    { type: 'finish' as const, index: 0, reason: 'length' as const, usage },
  ];
  const events = [];
  for await (const made of writer.events(flowing(said))) events.push(event.parse(made));
  expect(events.map(({ type }) => type)).toContain('content_block_delta');
  expect(message.parse(writer.message)).toMatchObject({
    stop_reason: 'max_tokens',
    content: [{ type: 'tool_use', input: {} }],
  });
});
