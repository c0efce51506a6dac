// A model's own sampling settings count in every API for what the request leaves out.
import { expect, test } from 'vitest';
import type { SamplingSettings } from '../../../../gateway/engine/messages.ts';
import { MODEL, openRoom } from '../harness.ts';

const sampling = { temperature: 0.6, top_p: 0.9, top_k: 20, min_p: 0.05, repetition_penalty: 1.1 };
const messages = [{ role: 'user', content: 'hi' }];
const bodies: [path: string, body: object][] = [
  ['/v1/completions', { prompt: 'hi' }],
  ['/v1/chat/completions', { messages }],
  ['/v1/responses', { input: 'hi' }],
  ['/v1/messages', { messages, max_tokens: 9 }],
];
const own = { temperature: 0.6, topP: 0.9, topK: 20, minP: 0.05, repetitionPenalty: 1.1 };
const neutral = { temperature: 1, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1 };

async function settingsFor(
  path: string,
  body: object,
  defaults: object,
): Promise<{ settings: SamplingSettings | undefined; answer: object }> {
  const room = await openRoom({ sampling: defaults });
  const { status, body: answer } = await room.post(path, { model: MODEL, ...body });
  expect([path, status]).toEqual([path, 200]);
  return { settings: room.engine.requests[0]?.sampling, answer };
}

test.each(bodies)('%s takes what the request leaves out from the model', async (path, body) => {
  expect((await settingsFor(path, body, sampling)).settings).toMatchObject(own);
  expect((await settingsFor(path, body, {})).settings).toMatchObject(neutral);
  const some = { ...body, temperature: 0, top_p: null, repetition_penalty: 1 };
  expect((await settingsFor(path, some, sampling)).settings).toMatchObject({
    ...own,
    temperature: 0,
    repetitionPenalty: 1,
  });
});

test('a response reports the settings that counted', async () => {
  const { answer } = await settingsFor('/v1/responses', { input: 'hi', top_p: 0.5 }, sampling);
  expect(answer).toMatchObject({ temperature: 0.6, top_p: 0.5 });
  expect((await settingsFor('/v1/responses', { input: 'hi' }, {})).answer).toMatchObject({
    temperature: 1,
    top_p: 1,
  });
});
