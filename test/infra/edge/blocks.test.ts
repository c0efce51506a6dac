import { describe, expect, it } from 'vitest';
import { joined } from '../../../infra/edge/ask.ts';
import { Blocks, type Taken } from '../../../infra/edge/streams/blocks.ts';
import { RecordReader } from '../../../resume/record.ts';
import { gatewayStream, wholeAnswer } from './record-stream.ts';

const answer = { id: 'a'.repeat(32), created: 1, seed: 2 };
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (parts: Uint8Array[]) => new TextDecoder().decode(joined(parts));

function take(pieces: readonly Uint8Array[]) {
  const record = new RecordReader();
  const blocks = new Blocks(record);
  const taken = pieces.map((piece) => blocks.push(piece));
  return {
    text: decode(taken.flatMap(({ forward }) => forward)),
    events: taken.reduce((total, { events }) => total + events, 0),
    state: taken.findLast(({ state }) => state !== 'open')?.state ?? 'open',
    record: record.record,
  };
}

describe('the blocks of a stream', () => {
  const bytes = encode(gatewayStream(answer));

  it('lose the lines of the record, wherever the bytes are split', () => {
    const expected = take([bytes]);
    expect(expected).toMatchObject({ text: wholeAnswer(answer), events: 6, state: 'ended' });
    expect(expected.record?.choices['0']).toMatchObject({
      events: 5,
      ids: '100,200,101,201,102,202,104,204',
    });
    for (let at = 0; at <= bytes.length; at++) {
      expect(take([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected);
    }
    expect(take(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it('are forwarded only when they are whole, together with the record up to them', () => {
    for (let at = 0; at <= bytes.length; at++) {
      const { text, record, events } = take([bytes.subarray(0, at)]);
      expect(wholeAnswer(answer).startsWith(text)).toBe(true);
      expect(text === '' || text.endsWith('\n\n')).toBe(true);
      expect(record?.choices['0']?.events ?? 0).toBe(Math.min(events, 5));
    }
  });

  it('keep comments that belong to no record, and empty lines', () => {
    const text = ': keep-alive\n\n\ndata: 1\n\n: x\ndata: 2\n\n';
    expect(take([encode(text)])).toMatchObject({ text, events: 2, state: 'open' });
  });

  it('that have only lines of the record are not forwarded', () => {
    expect(take([encode(':h {"a": 1} s\n\n:h {} t\n: note\n:r 0 1 1 0 0 - 7 u\n\n')])).toMatchObject({
      text: ': note\n\n',
      record: { head: '{}', seal: 'u' },
    });
  });

  it.each<[string, Taken['state']]>([
    ['data: [DONE]\n\n', 'ended'],
    ['data: {"error":{"message":"x"}}\n\n', 'ended'],
    ['event: message_stop\ndata: {"type":"message_stop"}\n\n', 'ended'],
    ['event: error\ndata: {}\n\n', 'ended'],
    ['event: response.completed\ndata: {}\n\n', 'ended'],
    ['event: response.incomplete\ndata: {}\n\n', 'ended'],
    ['event: response.failed\ndata: {}\n\n', 'ended'],
    ['event: response.created\ndata: {}\n\n', 'open'],
    ['data: {"text":"data: [DONE]"}\n\n', 'open'],
    ['data: {"text":{"error":{}}}\n\n', 'open'],
    [': event: message_stop\n\n', 'open'],
    [':m\n\n', 'moved'],
    [':moved {"to":1}\n\n', 'moved'],
    [':r 0 nonsense\n\n', 'broken'],
  ])('%j is %s', (text, state) => {
    expect(take([encode(text)]).state).toBe(state);
  });
});
