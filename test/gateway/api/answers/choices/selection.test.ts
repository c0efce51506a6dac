// The fields best_of, select, select_answer and select_round on both completion endpoints, over a fake engine.
import { expect, test } from 'vitest';
import { hashKey } from '../../../../../gateway/api/tenants/keys.ts';
import { THINKING_TEMPLATE, TOOL_TEMPLATE } from '../../../../support/models/chat-templates.ts';
import { idOf, JSON_TYPE, MODEL, openRoom, type RoomOptions, say, until } from '../../harness.ts';

const base = { model: MODEL, prompt: 'hello' };
const chat = { model: MODEL, messages: [{ role: 'user', content: 'hello' }] };
const end = idOf('<|end|>');

/** A server whose choice `i` is `texts[i]`, with the mean log-probability `means[i]` and an end token. */
function roomOf(
  texts: readonly string[],
  { means = [], ...options }: RoomOptions & { means?: number[] } = {},
) {
  return openRoom({
    reply: ({ sampling }) => [...say(texts[sampling.choice] ?? '?'), end],
    logprobOf: ({ sampling }) => means[sampling.choice] ?? -1,
    ...options,
  });
}

test('a majority returns the answer with the most votes, and its most likely choice first', async () => {
  const texts = ['so 4', 'so 5', 'it is 5.0', 'maybe 4', 'five: 5', 'none', '3', '4'];
  const { post, engine } = await roomOf(texts, { means: [-1, -3, -1, -1, -2, -1, -1, -1] });
  const asked = { n: 4, best_of: 8, select: 'majority', select_answer: 'last_number', seed: 3 };
  const { body } = await post('/v1/completions', { ...base, ...asked });
  // 4 and 5 have three votes each, and choice 0 votes for 4.
  expect(body.choices.map(({ index, text }) => [index, text])).toEqual([
    [0, 'so 4'],
    [1, 'maybe 4'],
    [2, '4'],
    [3, 'it is 5.0'],
  ]);
  const votes = [
    { answer: '4', votes: 3 },
    { answer: '5', votes: 3 },
    { answer: '3', votes: 1 },
  ];
  const report = { by: 'majority', generated: 8, rounds: 2, choices: [0, 3, 7, 2], answers: votes };
  expect(body.expertgrid).toEqual({ seed: 3, selection: [report] });
  const generated = texts.reduce((sum, text) => sum + say(text).length + 1, 0);
  expect(body.usage).toMatchObject({ prompt_tokens: 1, completion_tokens: generated });
  expect(engine.requests.map(({ sampling }) => [sampling.seed, sampling.choice])).toEqual(
    texts.map((_, choice) => [3, choice]),
  );
});

test('a vote that is decided generates no further round, and the usage counts what was generated', async () => {
  const { post, engine, logs } = await roomOf(['4', '4', '4', '4', '4', '5', '4', '4', '9']);
  const { body } = await post('/v1/chat/completions', { ...chat, best_of: 10, select: 'majority' });
  expect(body.choices.map(({ message }) => message.content)).toEqual(['4']);
  expect(body.expertgrid.selection).toMatchObject([{ generated: 5, rounds: 1, choices: [0] }]);
  expect(engine.requests).toHaveLength(5);
  expect(body.usage?.completion_tokens).toBe(10);
  expect(logs.at(-1)).toMatchObject({ completionTokens: 10, status: 200 });
  expect([engine.open, engine.cancelled]).toEqual([0, 0]);
});

test('the rounds do not depend on the order in which choices end', async () => {
  const texts = ['a', 'b', 'a', 'b', 'b', 'a', 'a', 'b', 'a', 'c'];
  const selections = [];
  for (const slow of [[], [0, 2], [1, 3, 6], [5, 7]]) {
    const reply = ({ sampling: { choice } }: { sampling: { choice: number } }) => {
      return [...say(`${slow.includes(choice) ? ' '.repeat(30) : ''}${texts[choice]}`), end];
    };
    const { post } = await openRoom({ reply });
    const asked = { best_of: 10, select: 'majority', select_round: 2, max_tokens: 50 };
    const { body } = await post('/v1/completions', { ...base, ...asked });
    selections.push(
      body.expertgrid.selection?.map(({ rounds, generated, answers }) => ({ rounds, generated, answers })),
    );
    expect(body.choices[0].text.trim()).toBe('a');
  }
  expect(new Set(selections.map((each) => JSON.stringify(each))).size).toBe(1);
  expect(selections[0]).toMatchObject([{ rounds: 3, generated: 9 }]);
});

test('choices of one round share their prompt, and the first choice of each round computes it', async () => {
  const { post, engine } = await roomOf(['a', 'b', 'c', 'd', 'e', 'f']);
  const asked = { best_of: 6, select: 'majority', select_round: 2 };
  await post('/v1/completions', { ...base, ...asked });
  const ids = engine.requests.map(({ id }) => id);
  expect(engine.requests.map(({ sharesPromptOf }) => sharesPromptOf && ids.indexOf(sharesPromptOf))).toEqual([
    undefined,
    0,
    0,
    undefined,
    3,
    undefined,
  ]);
});

test('each prompt has a vote of its own', async () => {
  const words: Record<string, string[]> = { a: ['x', 'x', 'x', 'x'], b: ['y', 'z', 'z', 'z'] };
  const { post, engine } = await openRoom({
    reply: ({ prompt, sampling }) => {
      return [...say(words[prompt[0] === say('a')[0] ? 'a' : 'b']?.[sampling.choice] ?? '?'), end];
    },
  });
  const asked = { prompt: ['a', 'b'], best_of: 4, select: 'majority', select_round: 1 };
  const { body } = await post('/v1/completions', { ...base, ...asked });
  expect(body.choices.map(({ index, text }) => [index, text])).toEqual([
    [0, 'x'],
    [1, 'z'],
  ]);
  expect(body.expertgrid.selection).toMatchObject([
    { generated: 2, rounds: 1, choices: [0] },
    { generated: 4, rounds: 3, choices: [1] },
  ]);
  expect(engine.requests).toHaveLength(6);
  expect(body.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 12 });
});

test('without an answer in any choice, the most likely choices are returned, and the report says so', async () => {
  const { post } = await roomOf(['a', 'bb', 'c', 'd'], { means: [-3, -1, -2, -1] });
  const asked = { n: 2, best_of: 4, select: 'majority', select_answer: 'json:city' };
  const { body } = await post('/v1/completions', { ...base, ...asked });
  expect(body.choices.map(({ text }) => text)).toEqual(['bb', 'd']);
  expect(body.expertgrid.selection).toEqual([{ by: 'logprob', generated: 4, rounds: 1, choices: [1, 3] }]);
});

test('select: logprob ranks the choices, even if all of them are returned, and best_of alone reports nothing', async () => {
  const { post } = await roomOf(['a', 'bb', 'c'], { means: [-3, -1, -2] });
  const { body } = await post('/v1/chat/completions', { ...chat, n: 3, select: 'logprob' });
  expect(body.choices.map(({ message }) => message.content)).toEqual(['bb', 'c', 'a']);
  expect(body.choices.every(({ logprobs }) => logprobs === null)).toBe(true);
  expect(body.expertgrid.selection).toEqual([{ by: 'logprob', generated: 3, rounds: 1, choices: [1, 2, 0] }]);
  const best = (await post('/v1/chat/completions', { ...chat, best_of: 3, logprobs: true })).body;
  expect(best.choices.map(({ message, logprobs }) => [message.content, logprobs.content.length])).toEqual([
    ['bb', 3],
  ]);
  expect(best.expertgrid).not.toHaveProperty('selection');
});

test('the mean log-probability includes the end token', async () => {
  const { post } = await openRoom({
    reply: ({ sampling }) => (sampling.choice === 0 ? [...say('long'), end] : [...say('a'), end]),
    // The fake engine gives all tokens of a choice one log-probability, so an empty answer shows that the end token counts.
    logprobOf: ({ sampling }) => (sampling.choice === 1 ? -0.1 : -2),
  });
  const { body } = await post('/v1/completions', { ...base, best_of: 2, logprobs: 0 });
  expect(body.choices[0]).toMatchObject({ text: 'a', logprobs: { token_logprobs: [-0.1, -0.1] } });
  const empty = await openRoom({
    reply: ({ sampling }) => (sampling.choice === 0 ? [...say('long'), end] : [end]),
    logprobOf: ({ sampling }) => (sampling.choice === 1 ? -0.1 : -2),
  });
  expect((await empty.post('/v1/completions', { ...base, best_of: 2 })).body.choices[0].text).toBe('');
});

test('thinking does not vote', async () => {
  const texts = ['<think>7</think>4', '<think>8</think>5', '<think>7</think>5', '<think>7</think>6'];
  const { post } = await roomOf(texts, { chat: THINKING_TEMPLATE });
  const asked = { best_of: 4, select: 'majority', select_answer: 'last_number' };
  const { body } = await post('/v1/chat/completions', { ...chat, ...asked });
  expect(body.choices[0].message).toMatchObject({ content: '5', reasoning_content: '8' });
  expect(body.usage?.completion_tokens_details).toEqual({ reasoning_tokens: 4 });
});

test('messages that call tools vote with their calls, however the arguments are written', async () => {
  const call = (json: string) => `<tool_call>\n{"name": "weather", "arguments": ${json}}\n</tool_call>`;
  const texts = [
    call('{"city": "Kiel"}'),
    call('{"city":"Bonn","day":1}'),
    call('{"day": 1, "city": "Bonn"}'),
  ];
  const { post } = await roomOf([...texts, 'No.'], { chat: TOOL_TEMPLATE });
  const tools = [{ type: 'function', function: { name: 'weather' } }];
  const asked = { ...chat, tools, best_of: 4, select: 'majority' };
  const { body } = await post('/v1/chat/completions', asked);
  expect(body.choices[0].message.tool_calls?.[0]?.function.name).toBe('weather');
  expect(body.expertgrid.selection).toMatchObject([
    {
      choices: [1],
      answers: [{ answer: '{"name":"weather","arguments":{"city":"Bonn","day":1}}', votes: 2 }, {}, {}],
    },
  ]);
  const path = await post('/v1/chat/completions', { ...asked, select_answer: 'json:arguments.city' });
  expect(path.body.expertgrid.selection?.[0]?.answers).toEqual([
    { answer: 'Bonn', votes: 2 },
    { answer: 'Kiel', votes: 1 },
  ]);
});

test('token ids, stop strings, echo and digests belong to the choices that are returned', async () => {
  const { post } = await roomOf(['a stop', 'b stop', 'b', 'b stop'], { means: [-1, -3, -1, -2] });
  const more = {
    stop: ' stop',
    echo: true,
    logprobs: 0,
    return_token_ids: true,
    expertgrid: { digests: true },
  };
  const asked = { ...base, ...more, n: 2, best_of: 4, select: 'majority', max_tokens: 9 };
  const { body } = await post('/v1/completions', asked);
  expect(body.choices.map(({ text, token_ids }) => [text, token_ids])).toEqual([
    ['hellob', [...say('b'), end]],
    ['hellob', say('b')],
  ]);
  expect(body.expertgrid).toMatchObject({
    digests: [[`digest-0-${say('b')[0]}`], [`digest-0-${say('b')[0]}`]],
    selection: [
      {
        choices: [2, 3],
        answers: [
          { answer: 'b', votes: 3 },
          { answer: 'a', votes: 1 },
        ],
      },
    ],
  });
});

test('a long answer is cut in the report', async () => {
  const { post } = await roomOf(['😀'.repeat(300)]);
  const { body } = await post('/v1/completions', { ...base, select: 'majority', max_tokens: 2000 });
  expect(body.expertgrid.selection?.[0]?.answers).toEqual([{ answer: `${'😀'.repeat(200)}…`, votes: 1 }]);
});

test('the limit of a key counts the tokens of every choice that was generated, and of no other', async () => {
  const key = { name: 'a', created: '2026-01-31T12:00:00.000Z', sha256: hashKey('eg-a'), tpm: 1_000 };
  const { post } = await roomOf(Array(10).fill('four'), { api: { access: { keys: () => [key] } } });
  const asked = { ...base, prompt: [1, 2, 3], best_of: 10, select: 'majority' };
  const { headers } = await post('/v1/completions', asked, { headers: { authorization: 'Bearer eg-a' } });
  const left = Number(headers.get('x-ratelimit-remaining-tokens'));
  const used = 3 + 5 * (say('four').length + 1);
  expect(left).toBeGreaterThanOrEqual(1_000 - used);
  // On a slow machine, the bucket may have been refilled a little.
  expect(left).toBeLessThan(1_000 - used + 15);
});

test.each(['/v1/responses', '/v1/messages'])('%s does not know these fields', async (path) => {
  const { post } = await openRoom();
  for (const field of [
    { best_of: 2 },
    { select: 'majority' },
    { select_answer: 'text' },
    { select_round: 2 },
  ]) {
    const given = path === '/v1/messages' ? { ...chat, max_tokens: 5 } : { model: MODEL, input: 'hello' };
    const { status, body } = await post(path, { ...given, ...field });
    const [name] = Object.keys(field);
    expect([status, body.error.message]).toEqual([400, expect.stringContaining(`'${name}'`)]);
  }
});

test.each(['hello', ['hello', 'world']])(
  'a client that leaves ends the round, and no other begins: %j',
  async (prompt) => {
    const { url, engine, logs } = await roomOf([], { reply: () => say('forever'), stepMs: 5 });
    const body = JSON.stringify({ ...base, prompt, best_of: 8, select: 'majority', max_tokens: 2_000 });
    const leave = new AbortController();
    const asked = fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: JSON_TYPE,
      body,
      signal: leave.signal,
    });
    await until(() => engine.produced > 20);
    leave.abort();
    await expect(asked).rejects.toThrow('aborted');
    await until(() => logs.some(({ msg }) => msg === 'request'));
    expect(engine.open).toBe(0);
    expect(engine.requests).toHaveLength(4 * [prompt].flat().length);
  },
);

test('a failure in a later round ends the request with its error, and no choice goes on', async () => {
  const { post, engine } = await openRoom({
    reply: ({ sampling }) => {
      if (sampling.choice === 3) engine.options = { ...engine.options, fail: { after: 0, error: gone } };
      return [...say(String(sampling.choice)), end];
    },
  });
  const gone = { code: 'shard_unavailable', message: 'gone', retryable: true } as const;
  const { status, body } = await post('/v1/completions', { ...base, best_of: 8, select: 'majority' });
  expect([status, body.error.code]).toEqual([503, 'shard_unavailable']);
  expect(engine.open).toBe(0);
});
