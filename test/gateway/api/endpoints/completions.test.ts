import { expect, test } from 'vitest';
import { idOf, JSON_TYPE, MODEL, openRoom, readEvents, say, VOCAB } from '../harness.ts';

const base = { model: MODEL, prompt: 'hello' };

test('a completion has the shape that OpenAI documents', async () => {
  const { post } = await openRoom();
  const { status, body, headers } = await post('/v1/completions', { ...base, max_tokens: 3, seed: 7 });
  expect(status).toBe(200);
  expect(body).toEqual({
    id: expect.stringMatching(/^cmpl-[0-9a-f]{32}$/),
    object: 'text_completion',
    created: expect.any(Number),
    model: MODEL,
    choices: [{ text: 'hello worldhello', index: 0, logprobs: null, finish_reason: 'length' }],
    usage: {
      prompt_tokens: 1,
      completion_tokens: 3,
      total_tokens: 4,
      prompt_tokens_details: { cached_tokens: 0 },
    },
    system_fingerprint: 'fp_fake',
    expertgrid: { seed: 7 },
  });
  expect(Math.abs(body.created - Date.now() / 1000)).toBeLessThan(60);
  expect(headers.get('x-expertgrid-seed')).toBe('7');
});

test('max_tokens defaults to 16, or to the rest of the context if that is less', async () => {
  const { post, engine } = await openRoom({ context: 20 });
  await post('/v1/completions', base);
  await post('/v1/completions', { ...base, prompt: Array(15).fill(1) });
  expect(engine.requests.map(({ maxTokens }) => maxTokens)).toEqual([16, 5]);
});

test.each([
  ['a text', 'hello', [say('hello')]],
  ['texts', ['hello', ' world'], [say('hello'), say(' world')]],
  ['ids', [5, 6], [[5, 6]]],
  ['lists of ids', [[5, 6], [7]], [[5, 6], [7]]],
  ['special tokens by name', '<|user|>hello', [[idOf('<|user|>'), ...say('hello')]]],
])('a prompt may be %s', async (_, prompt, expected) => {
  const { post, engine } = await openRoom();
  const { body } = await post('/v1/completions', { ...base, prompt });
  expect(engine.requests.map((request) => [...request.prompt])).toEqual(expected);
  expect(body.choices.map(({ index }) => index)).toEqual(expected.map((_ids, i) => i));
});

test('several prompts are answered with one choice each, in order of the prompts', async () => {
  // The first prompt's answer arrives last, but its choice must come first.
  const reply = ({ prompt }: { prompt: Int32Array }) => say(prompt.length === 1 ? 'abcdefgh' : 'z');
  const { post, engine } = await openRoom({ reply, once: true });
  const { body } = await post('/v1/completions', { ...base, prompt: [[1], [1, 2]] });
  expect(body.choices.map(({ text, finish_reason }) => [text, finish_reason])).toEqual([
    ['abcdefgh', 'stop'],
    ['z', 'stop'],
  ]);
  expect(body.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 });
  expect(new Set(engine.requests.map(({ id }) => id)).size).toBe(2);
});

test('a prompt has the same sampling settings alone and beside other prompts', async () => {
  const { post, engine } = await openRoom();
  await post('/v1/completions', { ...base, seed: 5 });
  await post('/v1/completions', { ...base, seed: 5, prompt: ['x', 'hello'] });
  expect(engine.requests[2].sampling).toEqual(engine.requests[0].sampling);
});

test('the fields of a request become the settings of the engine', async () => {
  const { post, engine } = await openRoom();
  await post('/v1/completions', {
    ...base,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.1,
    seed: -3,
    presence_penalty: 1,
    frequency_penalty: -1,
    repetition_penalty: 1.1,
    logit_bias: { 5: -100, 6: 2.5 },
    stop_token_ids: [9],
    logprobs: 4,
    max_tokens: 12,
  });
  expect(engine.requests[0]).toMatchObject({
    maxTokens: 12,
    logprobs: 4,
    digests: false,
    stopIds: [idOf('<|endoftext|>'), idOf('<|end|>'), 9],
    sampling: {
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      minP: 0.1,
      presencePenalty: 1,
      frequencyPenalty: -1,
      repetitionPenalty: 1.1,
      logitBias: [
        [5, -100],
        [6, 2.5],
      ],
      seed: -3,
      choice: 0,
    },
  });
});

test('the settings are OpenAI’s defaults if the request names none', async () => {
  const { post, engine } = await openRoom();
  await post('/v1/completions', base);
  expect(engine.requests[0].logprobs).toBeUndefined();
  expect(engine.requests[0].sampling).toMatchObject({
    temperature: 1,
    topP: 1,
    topK: 0,
    minP: 0,
    presencePenalty: 0,
    frequencyPenalty: 0,
    repetitionPenalty: 1,
    logitBias: [],
  });
});

test('ignore_eos keeps the request’s own stop ids', async () => {
  const { post, engine } = await openRoom();
  await post('/v1/completions', { ...base, ignore_eos: true, stop_token_ids: [9] });
  expect(engine.requests[0].stopIds).toEqual([9]);
});

test('a request without a seed gets a new seed each time, which the answer contains', async () => {
  const { post, engine } = await openRoom();
  const seeds = new Set<number>();
  for (let i = 0; i < 8; i++) {
    const { body, headers } = await post('/v1/completions', base);
    const { seed } = body.expertgrid;
    expect(Number.isSafeInteger(seed)).toBe(true);
    expect(headers.get('x-expertgrid-seed')).toBe(String(seed));
    expect(engine.requests[i].sampling.seed).toBe(seed);
    seeds.add(seed);
  }
  expect(seeds.size).toBe(8);
});

test('a stop id ends the answer, counts as a token, and is not part of the text', async () => {
  const { post } = await openRoom({ reply: () => [...say('hello'), idOf('<|end|>')] });
  const { body } = await post('/v1/completions', base);
  expect(body.choices[0]).toMatchObject({ text: 'hello', finish_reason: 'stop' });
  expect(body.usage).toMatchObject({ completion_tokens: 2 });
});

test('special tokens are left out of the text', async () => {
  const { post } = await openRoom({ reply: () => [idOf('<|user|>'), ...say('hello')], once: true });
  expect((await post('/v1/completions', base)).body.choices[0].text).toBe('hello');
});

test('a stop string ends the answer and the generation, and later tokens do not count', async () => {
  const { post, engine } = await openRoom({ reply: () => [...say('one\n'), ...say('two\n')], stepMs: 1 });
  const { body } = await post('/v1/completions', { ...base, max_tokens: 1000, stop: ['\ntw'] });
  expect(body.choices[0]).toMatchObject({ text: 'one', finish_reason: 'stop' });
  expect(body.usage).toMatchObject({ completion_tokens: say('one\n').length + 2 });
  expect(engine).toMatchObject({ open: 0, cancelled: 1 });
});

test('log-probabilities are parallel arrays that match the text', async () => {
  const { post } = await openRoom({ reply: () => [...say('a😀 world')], once: true });
  const { body } = await post('/v1/completions', { ...base, logprobs: 2 });
  const { text, logprobs } = body.choices[0];
  expect(text).toBe('a😀 world');
  expect(logprobs.tokens).toEqual([
    'a',
    'bytes:\\xf0',
    'bytes:\\x9f',
    'bytes:\\x98',
    'bytes:\\x80',
    ' world',
  ]);
  expect(logprobs.text_offset).toEqual([0, 1, 1, 1, 1, 2]);
  expect(logprobs.token_logprobs).toEqual(Array(6).fill(-0.5));
  expect(logprobs.top_logprobs[0]).toEqual({ a: -0.5, b: -1.5 });
});

test('logprobs 0 returns only the chosen token', async () => {
  const { post, engine } = await openRoom({ once: true });
  const { body } = await post('/v1/completions', { ...base, logprobs: 0 });
  expect(engine.requests[0].logprobs).toBe(0);
  expect(body.choices[0].logprobs.top_logprobs).toEqual([{ hello: -0.5 }, { ' world': -0.5 }]);
});

test('the answer contains one digest for each token of each choice', async () => {
  const { post } = await openRoom({ once: true });
  const { body } = await post('/v1/completions', {
    ...base,
    prompt: ['a', 'b'],
    expertgrid: { digests: true },
  });
  const ids = say('hello world');
  const each = [`digest-0-${ids[0]}`, `digest-1-${ids[1]}`];
  expect(body.expertgrid).toEqual({ seed: expect.any(Number), digests: [each, each] });
});

test('a stream sends the seed first, then pieces, then each finish once, then the usage', async () => {
  const room = await openRoom({ once: true });
  const response = await fetch(`${room.url}/v1/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({
      ...base,
      prompt: ['a', 'b'],
      stream: true,
      stream_options: { include_usage: true },
      logprobs: 0,
      seed: 11,
      expertgrid: { digests: true },
    }),
  });
  const { values, done } = await readEvents(response);
  expect(done).toBe(true);
  expect(new Set(values.map(({ id, object, model }) => `${id} ${object} ${model}`)).size).toBe(1);
  expect(values[0].expertgrid.seed).toBe(11);
  for (const index of [0, 1]) {
    const own = values.filter(({ choices }) => choices[0]?.index === index);
    expect(own.map(({ choices }) => choices[0].text)).toEqual(['hello', ' world', '']);
    expect(own.map(({ choices }) => choices[0].finish_reason)).toEqual([null, null, 'stop']);
    expect(own.map(({ choices }) => choices[0].logprobs?.text_offset)).toEqual([[0], [5], undefined]);
    expect(own.flatMap(({ expertgrid }) => expertgrid?.digests ?? [])).toHaveLength(2);
  }
  const last = values.at(-1);
  expect(last?.choices).toEqual([]);
  expect(last?.usage).toEqual({
    prompt_tokens: 2,
    completion_tokens: 4,
    total_tokens: 6,
    prompt_tokens_details: { cached_tokens: 0 },
  });
  expect(values.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
});

test('every id of the vocabulary can be generated', async () => {
  const { post } = await openRoom({ reply: () => Array.from({ length: VOCAB }, (_, id) => id), once: true });
  const { status } = await post('/v1/completions', {
    ...base,
    ignore_eos: true,
    max_tokens: 1000,
    logprobs: 20,
  });
  expect(status).toBe(200);
});

test('a temperature that is 0 in single precision counts as 0', async () => {
  const { post, engine } = await openRoom({ once: true });
  for (const temperature of [1e-46, 9e-7, 1e-6]) {
    await post('/v1/completions', { model: MODEL, prompt: 'x', temperature });
  }
  expect(engine.requests.map(({ sampling }) => sampling.temperature)).toEqual([0, 0, 1e-6]);
});
