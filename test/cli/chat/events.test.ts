// The parser of server-sent events, whose bytes arrive in arbitrary pieces.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventReader } from '../../../cli/chat/events.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const read = (...pieces: Uint8Array[]) => {
  const reader = new EventReader();
  return pieces.flatMap((piece) => reader.push(piece));
};

test('push returns the whole data of each event, without comments and event names', () => {
  const text =
    ': keep-alive\n\ndata: {"a":1}\n\nevent: x\ndata:two\ndata: lines\n\nid: 7\n\ndata: [DONE]\n\n';
  expect(read(bytes(text))).toEqual(['{"a":1}', 'two\nlines', '[DONE]']);
});

test('push does not return an event before its empty line', () => {
  expect(read(bytes('data: one\n\ndata: two\n'))).toEqual(['one']);
});

test('CR, LF and CRLF each end a line', () => {
  expect(read(bytes('data: one\r\n\r\ndata: two\r\rdata: three\n\n'))).toEqual(['one', 'two', 'three']);
});

test('the events are the same for any division of the bytes into pieces', () => {
  const line = fc.constantFrom('data: Zoë', 'data:', ': x', 'data: 日本', '', '', 'event: e', 'data');
  const end = fc.constantFrom('\n', '\r\n');
  const text = fc.array(fc.tuple(line, end).map(([words, ending]) => words + ending));
  fc.assert(
    fc.property(text, fc.array(fc.nat()), (lines, cuts) => {
      const whole = bytes(`${lines.join('')}\n`);
      const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
      const pieces = [0, ...at].map((from, i) => whole.subarray(from, at[i] ?? whole.length));
      expect(read(...pieces)).toEqual(read(whole));
    }),
    { seed: 8, numRuns: 500 },
  );
});
