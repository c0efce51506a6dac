// The fields n and best_of, and fields that change every choice.
import { expect, test } from 'vitest';
import { idOf, JSON_TYPE, MODEL, openRoom, readEvents, say } from '../harness.ts';

const base = { model: MODEL, prompt: 'hello' };
const chat = { model: MODEL, messages: [{ role: 'user', content: 'hello' }] };

/** The text of each choice. */
const words = ['aa', 'b', 'cccc', 'dd'];
const byChoice = {
  reply: ({ sampling }: { sampling: { choice: number } }) => say(words[sampling.choice] ?? '?'),
};

test('n choices share one prompt, and their requests to the engine differ only in the choice number', async () => {
  const { post, engine } = await openRoom({ ...byChoice, once: true });
  const { body } = await post('/v1/completions', {
    ...base,
    prompt: ['hello', 'hello world'],
    n: 3,
    seed: 4,
  });
  expect(body.choices.map(({ index, text }) => [index, text])).toEqual(
    [0, 1, 2, 3, 4, 5].map((index) => [index, words[index % 3]]),
  );
  expect(body.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 14, total_tokens: 17 });
  expect(engine.requests.map(({ sampling }) => [sampling.seed, sampling.choice])).toEqual(
    [0, 1, 2, 0, 1, 2].map((choice) => [4, choice]),
  );
  const [first, second] = engine.requests;
  expect(first.sharesPromptOf).toBeUndefined();
  expect(second.sharesPromptOf).toBe(first.id);
  expect(engine.requests[4].sharesPromptOf).toBe(engine.requests[3].id);
});

test('a chat returns n choices, whole and streamed, each with one first and one last chunk', async () => {
  const { post, url } = await openRoom({ ...byChoice, once: true });
  const { body } = await post('/v1/chat/completions', { ...chat, n: 2, logprobs: true });
  expect(body.choices.map(({ message }) => message.content)).toEqual(['aa', 'b']);
  expect(body.choices.map(({ logprobs }) => logprobs.content.length)).toEqual([2, 1]);
  const request = { ...chat, n: 2, stream: true };
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(request),
  });
  const { values } = await readEvents(response);
  for (const index of [0, 1]) {
    const own = values.flatMap(({ choices }) => choices.filter((choice) => choice.index === index));
    expect(own.map(({ delta }) => delta.content ?? '').join('')).toBe(words[index]);
    expect(own.filter(({ delta }) => delta.role === 'assistant')).toHaveLength(1);
    expect(own.filter(({ finish_reason }) => finish_reason !== null)).toHaveLength(1);
  }
});

test('best_of returns the choices with the highest mean log-probability and counts all tokens', async () => {
  const { post, engine } = await openRoom({
    ...byChoice,
    once: true,
    logprobOf: ({ sampling }) => [-3, -1, -2, -1][sampling.choice] ?? 0,
  });
  const { body } = await post('/v1/completions', { ...base, n: 2, best_of: 4 });
  expect(body.choices.map(({ index, text, logprobs }) => [index, text, logprobs])).toEqual([
    [0, 'b', null],
    [1, 'dd', null],
  ]);
  expect(body.usage).toMatchObject({ prompt_tokens: 1, completion_tokens: 9 });
  expect(engine.requests.every(({ logprobs }) => logprobs === 0)).toBe(true);
});

test('best_of ranks the choices of each prompt separately', async () => {
  const { post } = await openRoom({
    ...byChoice,
    once: true,
    logprobOf: ({ sampling }) => -sampling.choice,
  });
  const { body } = await post('/v1/completions', { ...base, prompt: ['a', 'b'], best_of: 2 });
  expect(body.choices.map(({ index, text }) => [index, text])).toEqual([
    [0, 'aa'],
    [1, 'aa'],
  ]);
});

test('return_token_ids returns the ids of prompt and answer, including the stop id', async () => {
  const end = idOf('<|end|>');
  const { post, url } = await openRoom({ reply: () => [...say('hello'), end] });
  const asked = { ...base, return_token_ids: true };
  const { body } = await post('/v1/completions', asked);
  expect(body.choices[0]).toMatchObject({
    prompt_token_ids: say('hello'),
    token_ids: [...say('hello'), end],
  });
  const chatted = await post('/v1/chat/completions', { ...chat, return_token_ids: true });
  expect(chatted.body.choices[0]).toMatchObject({ token_ids: [...say('hello'), end] });
  const ids = Reflect.get(chatted.body, 'prompt_token_ids');
  expect(ids).toContain(idOf('<|user|>'));
  const stream = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ ...asked, stream: true }) };
  const { values } = await readEvents(await fetch(`${url}/v1/completions`, stream));
  const told = values.map(({ choices: [choice] }) => [
    Reflect.get(choice, 'prompt_token_ids'),
    Reflect.get(choice, 'token_ids'),
  ]);
  expect(told).toEqual([
    [say('hello'), say('hello')],
    [undefined, [end]],
  ]);
});

test('include_stop_str_in_output keeps the stop string in the text', async () => {
  const { post } = await openRoom({ reply: () => say('one two three') });
  const asked = { ...base, stop: ['two', 'o t'], max_tokens: 50 };
  expect((await post('/v1/completions', asked)).body.choices[0].text).toBe('one tw'.slice(0, 4));
  const { body } = await post('/v1/completions', {
    ...asked,
    stop: ['two'],
    include_stop_str_in_output: true,
  });
  expect(body.choices[0]).toMatchObject({ text: 'one two', finish_reason: 'stop' });
});

test('min_tokens reaches the engine, and stop strings within that many tokens do not count', async () => {
  const { post, engine } = await openRoom({ reply: () => say('ab') });
  const { body } = await post('/v1/completions', { ...base, stop: 'ab', min_tokens: 3, max_tokens: 9 });
  expect(body.choices[0]).toMatchObject({ text: 'abab', finish_reason: 'stop' });
  expect(body.usage).toMatchObject({ completion_tokens: 6 });
  expect(engine.requests[0].minTokens).toBe(3);
});

test('the priority and the settings of experts reach the engine', async () => {
  const { post, engine } = await openRoom({ once: true });
  await post('/v1/completions', { ...base, priority: -5, expertgrid: { experts_per_token: 3 } });
  await post('/v1/completions', { ...base, expertgrid: { experts_per_token: [1, 2] } });
  await post('/v1/completions', { ...base, expertgrid: { expert_budget: 5 } });
  await post('/v1/completions', { ...base, expertgrid: { expert_budget: 5, expert_policy: 'unsure' } });
  await post('/v1/completions', base);
  expect(engine.requests.map(({ priority, routing }) => [priority, routing])).toEqual([
    [-5, { expertsPerToken: [3, 3] }],
    [undefined, { expertsPerToken: [1, 2] }],
    [undefined, { expertsPerToken: [3, 2] }],
    [undefined, { unsureBudget: 5 }],
    [undefined, undefined],
  ]);
});

test("the gateway's settings of experts count for requests that make none", async () => {
  const { post, engine } = await openRoom({ once: true, api: { experts: { expert_budget: 5 } } });
  await post('/v1/completions', base);
  await post('/v1/completions', { ...base, expertgrid: { degrade: 'none', expert_budget: null } });
  await post('/v1/completions', { ...base, expertgrid: { experts_per_token: 4 } });
  const { status } = await post('/v1/completions', { ...base, expertgrid: { expert_policy: 'unsure' } });
  expect(status).toBe(400);
  expect(engine.requests.map(({ routing }) => routing)).toEqual([
    { expertsPerToken: [3, 2] },
    { expertsPerToken: [3, 2] },
    { expertsPerToken: [4, 4] },
  ]);
});

test('every endpoint takes the settings of experts', async () => {
  const { post, engine } = await openRoom({ once: true });
  const expertgrid = { expert_budget: 7, expert_policy: 'unsure' };
  const messages = [{ role: 'user', content: 'hi' }];
  await post('/v1/chat/completions', { model: MODEL, messages, max_tokens: 2, expertgrid });
  await post('/v1/messages', { model: MODEL, messages, max_tokens: 2, expertgrid });
  await post('/v1/responses', { model: MODEL, input: 'hi', max_output_tokens: 2, expertgrid });
  expect(engine.requests.map(({ routing }) => routing)).toEqual(new Array(3).fill({ unsureBudget: 7 }));
});

test('continuous_usage_stats adds the usage so far to each chunk', async () => {
  const { url } = await openRoom({ once: true });
  const stream_options = { include_usage: true, continuous_usage_stats: true };
  const request = { ...base, stream: true, stream_options };
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(request),
  });
  const { values } = await readEvents(response);
  expect(values.map(({ usage }) => [usage?.prompt_tokens, usage?.completion_tokens])).toEqual([
    [1, 1],
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
});
