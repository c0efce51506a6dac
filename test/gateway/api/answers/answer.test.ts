// One choice of an answer that begins with ids of another gateway.
import { expect, test } from 'vitest';
import { type AnswerEvent, answer } from '../../../../gateway/api/answers/answer.ts';
import { stopString } from '../../../../gateway/api/answers/stops.ts';
import { loadTokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import type { GenerationPart } from '../../../../gateway/engine/messages.ts';
import { countingRequest } from '../../../support/engines/counting-engine.ts';
import { nano } from '../../../support/models/nano.ts';

test('if these ids complete a stop string, the finish has what the engine has counted', async () => {
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
