// Limits of what one request may cost. Expensive work is refused before it begins, or is done in pieces, between which the
// thread serves other requests.
import { expect, test } from 'vitest';
import { JSON_TYPE, MODEL, openRoom, say } from '../harness.ts';

const base = { model: MODEL, prompt: 'hello world' };

async function send(
  url: string,
  path: string,
  body: object,
): Promise<{ status: number; bytes: number; tail: string }> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(body),
  });
  let bytes = 0;
  let tail = '';
  for await (const piece of response.body!) {
    bytes += piece.length;
    tail = Buffer.from(piece).toString('latin1').slice(-40);
  }
  return { status: response.status, bytes, tail };
}

/** Number of answers of `/health` before `work` is over. */
async function healthDuring(url: string, work: Promise<unknown>): Promise<number> {
  let over = false;
  void work.finally(() => {
    over = true;
  });
  let answers = 0;
  while (!over) {
    const response = await fetch(`${url}/health`);
    await response.arrayBuffer();
    if (response.status === 200) answers++;
  }
  await work;
  return answers;
}

test('a small request for a very large answer is refused before it is begun', async () => {
  const { post, engine } = await openRoom({ context: 2_048 });
  const fields = { prompt: Array(2_000).fill(1), n: 128, echo: true, logprobs: 20, max_tokens: 1 };
  const { status, body } = await post('/v1/completions', { ...base, ...fields });
  expect([status, body.error]).toMatchObject([400, { param: 'logprobs', code: 'answer_too_large' }]);
  expect(engine.requests).toHaveLength(0);
});

test.each([
  ['not streamed', { n: 8, max_tokens: 1 }],
  ['streamed', { n: 8, max_tokens: 1, stream: true }],
])('health is answered while a large answer is written: %s', async (_, fields) => {
  const { url } = await openRoom({ context: 2_048 });
  const asked = { ...base, prompt: Array(800).fill(1), echo: true, logprobs: 20, ...fields };
  const answer = send(url, '/v1/completions', asked);
  const answers = await healthDuring(url, answer);
  const { status, bytes, tail } = await answer;
  expect([status, tail]).toEqual([200, expect.stringMatching(/(\}|\[DONE\]\n\n)$/)]);
  expect(bytes).toBeGreaterThan(1_000_000);
  expect(answers).toBeGreaterThan(10);
});

test('a key may use its share of the memory for answers, and gets the error answer_memory while that share is in use', async () => {
  const { post } = await openRoom({ context: 100_000, limits: { answerMemory: 2 ** 22 }, stepMs: 1 });
  const asked = { ...base, logprobs: 20, n: 2, max_tokens: 300 };
  const all = await Promise.all([1, 2, 3, 4].map(() => post('/v1/completions', asked)));
  const outcomes = all.map(({ status, body }) => (status === 200 ? 200 : body.error.code));
  expect(outcomes).toContain('answer_memory');
  expect(outcomes.filter((outcome) => outcome === 200).length).toBeGreaterThanOrEqual(2);
  expect((await post('/v1/completions', { ...base, max_tokens: 1 })).status).toBe(200);
});

test('an answer to a request without max_tokens ends with a 400 when it has grown too large', async () => {
  const { post } = await openRoom({
    context: 1_000_000,
    limits: { answerMemory: 2 ** 20 },
    reply: () => Array(2_000).fill(1),
  });
  const messages = [{ role: 'user', content: 'Tell all.' }];
  const { status, body } = await post('/v1/chat/completions', { model: MODEL, messages });
  expect([status, body.error.code]).toEqual([400, 'answer_too_large']);
});

test('a body with 600,000 keys is refused without being parsed', async () => {
  const { post } = await openRoom();
  const keys = Array.from({ length: 600_000 }, (_, i) => `"k${i}":1`).join(',');
  const { status, body } = await post('/v1/completions', `{${keys}}`);
  expect([status, body.error.code]).toEqual([400, 'too_many_values']);
});

test('brackets and colons within strings do not count as values', async () => {
  const { post } = await openRoom({ context: 1_000_000 });
  const { status } = await post('/v1/completions', {
    ...base,
    prompt: '{":[\\"'.repeat(60_000),
    max_tokens: 1,
  });
  expect(status).toBe(200);
});

test('stop strings that almost match everywhere take time in proportion to the length of the text', async () => {
  const { post } = await openRoom({ context: 4_096, reply: () => say('!') });
  const stop = Array.from({ length: 100 }, (_, i) => `${'!'.repeat(511 - i)}b`);
  const { status, body } = await post('/v1/completions', { ...base, stop, max_tokens: 2_000 });
  expect([status, body.choices[0]?.finish_reason]).toEqual([200, 'length']);
  expect(body.choices[0]?.text).toHaveLength(2_000);
});

test('bodies count toward the memory of their key while their request is processed', async () => {
  const { post } = await openRoom({ context: 1_000_000, limits: { answerMemory: 2 ** 20 } });
  const large = await post('/v1/completions', { ...base, prompt: 'a '.repeat(300_000), max_tokens: 1 });
  expect([large.status, large.body.error.code]).toEqual([429, 'request_memory']);
  expect((await post('/v1/completions', { ...base, max_tokens: 1 })).status).toBe(200);
});

test('grammars count toward the memory of their key until the answer has ended', async () => {
  const { post } = await openRoom({ context: 4_096, limits: { answerMemory: 2 ** 19 } });
  const names = Array.from({ length: 900 }, (_, i) => [`property${i}`, { type: 'string' }]);
  const guided_json = { type: 'object', properties: Object.fromEntries(names) };
  const large = await post('/v1/completions', { ...base, guided_json, max_tokens: 1 });
  expect([large.status, large.body.error.message]).toEqual([429, expect.stringContaining('memory')]);
  for (let times = 0; times < 4; times++) {
    const small = await post('/v1/completions', { ...base, guided_choice: ['a', 'b'], max_tokens: 1 });
    expect(small.status).toBe(200);
  }
});
