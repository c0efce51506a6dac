// Fields of vLLM that change an answer are honoured on both completion endpoints. The endpoints that vLLM's clients request exist.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idOf, MODEL, type Room, say, startRoom, tokenizer, VOCAB } from '../harness.ts';

const special = idOf('<|assistant|>');

let room: Room;
beforeAll(async () => {
  const reply = () => [...say('hello'), special, ...say(' world')];
  room = await startRoom({ once: true, context: 64, reply, api: { version: '1.2.3' } });
});
afterAll(() => room.server.close(0));

const chat = '/v1/chat/completions';
const completions = '/v1/completions';
const text = 'hello hello hello hello';
const bodies: Record<string, object> = {
  [chat]: { model: MODEL, messages: [{ role: 'user', content: text }] },
  [completions]: { model: MODEL, prompt: text },
};
const ask = (path: string, fields: object) => room.post(path, { ...bodies[path], ...fields });
const asked = () => [...(room.engine.requests.at(-1)?.prompt ?? [])];

describe.each([chat, completions])('%s', (path) => {
  test('keeps the last tokens of a prompt', async () => {
    await ask(path, {});
    const whole = asked();
    for (const [most, kept] of [
      [3, whole.slice(-3)],
      [1000, whole],
      [-1, whole],
    ] as const) {
      expect((await ask(path, { truncate_prompt_tokens: most })).status).toBe(200);
      expect(asked()).toEqual(kept);
    }
  });

  test('cuts a prompt that is too long for the context, and leaves room for the answer', async () => {
    const long = {
      prompt: 'hello '.repeat(5000),
      messages: [{ role: 'user', content: 'hello '.repeat(5000) }],
    };
    const fields = path === chat ? { messages: long.messages } : { prompt: long.prompt };
    expect((await ask(path, fields)).body.error.code).toBe('context_length_exceeded');
    const cut = { ...fields, max_tokens: 10, truncate_prompt_tokens: -1 };
    expect((await ask(path, cut)).status).toBe(200);
    expect(asked()).toHaveLength(54);
  });

  test('allows only the named tokens', async () => {
    expect((await ask(path, { allowed_token_ids: [5, 7] })).status).toBe(200);
    expect(room.engine.requests.at(-1)?.constraint).toEqual({ type: 'ids', ids: [5, 7] });
    const beside = { allowed_token_ids: [5], response_format: { type: 'json_object' } };
    for (const [fields, param] of [
      [beside, 'allowed_token_ids'],
      [{ allowed_token_ids: [5, VOCAB] }, 'allowed_token_ids[1]'],
      [{ allowed_token_ids: [] }, 'allowed_token_ids'],
    ] as const) {
      const { status, body } = await ask(path, fields);
      expect([status, body.error.param]).toEqual([400, param]);
    }
  });

  test('shows special tokens by name if they are not skipped', async () => {
    const said = async (fields: object) => {
      const [choice] = (await ask(path, fields)).body.choices;
      return path === chat ? choice.message.content : choice.text;
    };
    expect(await said({})).toBe('hello world');
    expect(await said({ skip_special_tokens: true })).toBe('hello world');
    expect(await said({ skip_special_tokens: false })).toBe('hello<|assistant|> world');
  });

  test("returns the log-probabilities of the prompt in vLLM's shape", async () => {
    const { body } = await ask(path, { prompt_logprobs: 2, n: 2 });
    const ids = asked();
    const [first] = body.choices;
    const scores = path === chat ? body.prompt_logprobs : first.prompt_logprobs;
    expect(scores).toHaveLength(ids.length);
    expect(scores?.[0]).toBeNull();
    const id = ids[1];
    expect(scores?.[1]).toEqual({
      [id]: { logprob: -1, rank: 1, decoded_token: nameOf(id) },
      [id + 1]: { logprob: -2, rank: 2, decoded_token: nameOf(id + 1) },
    });
    if (path === completions) expect(body.choices[1]?.prompt_logprobs).toEqual(scores);
  });

  test('refuses prompt_logprobs in a stream', async () => {
    const { status, body } = await ask(path, { prompt_logprobs: 0, stream: true });
    expect([status, body.error.param]).toEqual([400, 'prompt_logprobs']);
  });
});

const nameOf = (id: number) => {
  return tokenizer.specialName(id) ?? new TextDecoder().decode(tokenizer.bytes(id));
};

test('echo and prompt_logprobs may be combined if prompt_logprobs equals logprobs', async () => {
  const both = { echo: true, logprobs: 1, max_tokens: 0 };
  const { body } = await ask(completions, { ...both, prompt_logprobs: 1 });
  const [choice] = body.choices;
  expect(choice.prompt_logprobs).toHaveLength(choice.logprobs.tokens.length);
  expect((await ask(completions, { ...both, prompt_logprobs: 2 })).body.error.param).toBe('prompt_logprobs');
  expect((await ask(completions, { prompt_logprobs: 1, echo: true })).status).toBe(200);
});

test('the echo of a truncated prompt is its remaining text', async () => {
  const fields = { echo: true, truncate_prompt_tokens: 1, max_tokens: 0 };
  expect((await ask(completions, fields)).body.choices[0]?.text).toBe(nameOf(asked()[0]));
});

test('add_special_tokens false omits the special tokens that begin a text', async () => {
  for (const add of [true, false]) {
    await ask(completions, { add_special_tokens: add });
    expect(asked()).toEqual(tokenizer.encode(text, { addSpecial: add }));
  }
  const empty = await ask(completions, { prompt: '', add_special_tokens: false });
  expect([empty.status, empty.body.error.param]).toEqual([400, 'prompt']);
  expect((await ask(chat, { add_special_tokens: false })).status).toBe(200);
  expect((await ask(chat, { add_special_tokens: true })).body.error.code).toBe('unsupported_parameter');
});

test.each(['/version', '/v1/version'])('%s returns the version', async (path) => {
  expect(await (await fetch(room.url + path)).json()).toEqual({ version: '1.2.3' });
});

test('a model has max_model_len, the length of its context', async () => {
  const [model] = (await room.client.models.list()).data;
  expect(model).toMatchObject({ id: MODEL, root: MODEL, parent: null, max_model_len: 64 });
});
