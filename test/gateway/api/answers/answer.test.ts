// One choice of an answer.
import { expect, test } from 'vitest';
import { type AnswerEvent, answer } from '../../../../gateway/api/answers/answer.ts';
import { stopString } from '../../../../gateway/api/answers/stops.ts';
import { loadTokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import type { GenerationPart } from '../../../../gateway/engine/messages.ts';
import { PartStream } from '../../../../gateway/engine/part-stream.ts';
import { countingRequest } from '../../../support/engines/counting-engine.ts';
import { nano } from '../../../support/models/nano.ts';

test('if ids of another gateway complete a stop string, the finish has what the engine has counted', async () => {
  const tokenizer = await loadTokenizer(nano);
  const replayed = Int32Array.from(tokenizer.encode('One day, END'));
  const token: GenerationPart = {
    ...{
      type: 'token',
      id: 1,
      degradedHops: { next_best: 1 },
      remoteHops: 2,
      expertCalls: 3,
      droppedCalls: 4,
    },
  };
  const events = answer({
    engine: {
      generate: async function* () {
        yield token;
      },
    },
    ...{ tokenizer, request: countingRequest({ known: replayed }), index: 0, countsPrompt: true, replayed },
    rules: { stops: [stopString('END')] },
    signal: new AbortController().signal,
    onToken: () => expect.unreachable('no token is generated now'),
  });
  const made: AnswerEvent[] = [];
  for await (const event of events) made.push(event);
  expect(made.at(-1)).toMatchObject({
    ...{ type: 'finish', reason: 'stop', stopString: 'END' },
    usage: { degradedHops: { next_best: 1 }, remoteHops: 2, expertCalls: 3, droppedCalls: 4 },
  });
});

test('tokens that the engine has sent and the reader left are told, without those that are known', async () => {
  const tokenizer = await loadTokenizer(nano);
  const ids = tokenizer.encode('One day, a fox found an old lantern in the grass.');
  const left = new AbortController();
  const told: unknown[] = [];
  const events = answer({
    engine: {
      generate: (_, signal, onDrop) =>
        new PartStream({
          ...{ signal, onDrop },
          begin(stream) {
            for (const id of ids) stream.push({ type: 'token', id });
            return () => {};
          },
        }),
    },
    ...{ tokenizer, request: countingRequest({ known: Int32Array.from(ids.slice(0, 4)) }), index: 3 },
    ...{ countsPrompt: true, rules: { stops: [] }, signal: left.signal },
    onToken: () => expect.unreachable('no token that is generated now is read'),
    onUnread: (...unread) => told.push(unread),
  });
  await events.next();
  await events.next();
  left.abort();
  await expect(events.next()).rejects.toThrow();
  expect(told).toEqual([[3, ids.length - 4, false]]);
});
