import { describe, expect, test } from 'vitest';
import { thinkingState, thinkingTagsOf } from '../../../../gateway/api/text/thinking.ts';
import { createTokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import {
  OPEN_THINKING_TEMPLATE,
  THINKING_TEMPLATE,
  THINKING_TOOL_TEMPLATE,
  TOOL_TEMPLATE,
} from '../../../support/models/chat-templates.ts';
import { byteLevelTokenizer } from '../../../support/models/tokenizer.ts';
import { idOf, JSON_TYPE, MODEL, openRoom, type RoomOptions, readEvents, say } from '../harness.ts';

const tags = { begin: '<think>', end: '</think>' };
const base = { model: MODEL, messages: [{ role: 'user', content: 'hello' }] };
const room = (text: string, options: RoomOptions = {}) => {
  const reply = () => [...say(text), idOf('<|end|>')];
  return openRoom({ chat: THINKING_TEMPLATE, reply, ...options });
};

test('thinkingTagsOf finds the tags in the template', () => {
  expect(thinkingTagsOf(THINKING_TEMPLATE)).toEqual(tags);
  expect(thinkingTagsOf('{{ content.split("[/THINK]") }}')).toEqual({ begin: '[THINK]', end: '[/THINK]' });
  expect(thinkingTagsOf(TOOL_TEMPLATE)).toBeUndefined();
});

test('thinkingTagsOf finds a tag with which the template ends a prompt, and no tag in prose', () => {
  for (const source of [
    "{{ '<|assistant|><think>\\n' }}",
    '<|assistant|><think>\n{% endif %}',
    'a <think>',
  ]) {
    expect([source, thinkingTagsOf(source)]).toEqual([source, tags]);
  }
  expect(thinkingTagsOf('Whether to include <think> blocks.')).toBeUndefined();
});

test('the end of the prompt determines whether thinkingState is "open", "closed" or "free"', () => {
  expect(thinkingState('<|assistant|><think>\n', tags)).toBe('open');
  expect(thinkingState('<|assistant|><think>\n\n</think>\n\n', tags)).toBe('closed');
  expect(thinkingState('<|user|><think><|end|><|assistant|>', tags)).toBe('free');
});

test('thinking is separated from the content, and its tokens are counted', async () => {
  const { post } = await room('<think>\nHm.\n</think>\n\nYes.');
  const { body } = await post('/v1/chat/completions', base);
  expect(body.choices[0]).toMatchObject({
    message: { content: 'Yes.', reasoning_content: 'Hm.' },
    finish_reason: 'stop',
  });
  expect(body.usage?.completion_tokens_details).toEqual({ reasoning_tokens: say('\nHm.\n').length });
});

test('an answer begins with thinking if the prompt has begun it', async () => {
  const { post } = await room('Hm.</think>Yes.', { chat: OPEN_THINKING_TEMPLATE });
  const { body } = await post('/v1/chat/completions', base);
  expect(body.choices[0].message).toMatchObject({ content: 'Yes.', reasoning_content: 'Hm.' });
});

test('a stream sends thinking as reasoning_content deltas', async () => {
  const { url } = await room('<think>Hm.</think>Yes.');
  const asked = { ...base, stream: true, stream_options: { include_usage: true } };
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(asked),
  });
  const { values } = await readEvents(response);
  const deltas = values.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  expect(deltas.map(({ reasoning_content }) => reasoning_content ?? '').join('')).toBe('Hm.');
  expect(deltas.map(({ content }) => content ?? '').join('')).toBe('Yes.');
  expect(values.at(-1)?.usage?.completion_tokens_details).toEqual({ reasoning_tokens: say('Hm.').length });
});

test('tags of thinking that are special tokens are recognized', async () => {
  const json = byteLevelTokenizer();
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  json.added_tokens.push(special(273, tags.begin), special(274, tags.end));
  const tokenizer = createTokenizer(json);
  const reply = () => [273, ...say('Hm.'), 274, ...say('Yes.'), idOf('<|end|>')];
  const { post, engine } = await room('', { reply, vocab: 275, tokenizer });
  const { body } = await post('/v1/chat/completions', { ...base, max_thinking_tokens: 7 });
  expect(body.choices[0].message).toMatchObject({ content: 'Yes.', reasoning_content: 'Hm.' });
  expect(engine.requests[0].constraint).toMatchObject({ begin: [273], end: [274] });
});

describe('the budget for thinking', () => {
  const spec = { type: 'thinking', open: false, begin: say('<think>'), end: say('</think>') };
  test.each([
    [{}, undefined],
    [{ max_thinking_tokens: 7 }, { ...spec, budget: 7 }],
    [{ reasoning_effort: 'minimal' }, { ...spec, budget: 128 }],
    [{ reasoning_effort: 'low' }, { ...spec, budget: 512 }],
    [{ reasoning_effort: 'medium' }, { ...spec, budget: 2048 }],
    [{ reasoning_effort: 'high' }, { ...spec, budget: 8192 }],
    [{ reasoning_effort: 'max' }, undefined],
    [
      { reasoning_effort: 'low', max_thinking_tokens: 9 },
      { ...spec, budget: 9 },
    ],
  ])('%j becomes the constraint %j', async (fields, expected) => {
    const { post, engine } = await room('Yes.');
    expect((await post('/v1/chat/completions', { ...base, ...fields })).status).toBe(200);
    expect(engine.requests[0].constraint).toEqual(expected);
  });

  test.each([
    { reasoning_effort: 'none' },
    { chat_template_kwargs: { enable_thinking: false } },
    { enable_thinking: false, reasoning_effort: 'high' },
  ])('%j closes the thinking in the prompt, and tags in the answer are content', async (fields) => {
    const { post, engine } = await room('<think>');
    const { body } = await post('/v1/chat/completions', { ...base, ...fields });
    expect([...engine.requests[0].prompt].slice(-say('<think>\n\n</think>\n\n').length)).toEqual(
      say('<think>\n\n</think>\n\n'),
    );
    expect(engine.requests[0].constraint).toBeUndefined();
    expect(body.choices[0].message.content).toBe('<think>');
    expect(body.choices[0].message).not.toHaveProperty('reasoning_content');
  });

  test('is 0 if thinking is off but the template leaves a thinking tag open', async () => {
    const { post, engine } = await room('</think>Yes.', { chat: OPEN_THINKING_TEMPLATE });
    await post('/v1/chat/completions', { ...base, reasoning_effort: 'none' });
    await post('/v1/chat/completions', { ...base, enable_thinking: false, max_thinking_tokens: 7 });
    const constraint = { ...spec, open: true, budget: 0 };
    expect(engine.requests).toMatchObject([{ constraint }, { constraint }]);
  });

  test.each([
    { enable_thinking: true, reasoning_effort: 'none' },
    { enable_thinking: true, max_thinking_tokens: 0 },
    { enable_thinking: true, chat_template_kwargs: { enable_thinking: false } },
    { enable_thinking: false, chat_template_kwargs: { enable_thinking: true } },
  ])('answers 400 for the contradictory fields %j', async (fields) => {
    const { post } = await room('Yes.');
    const { status, body } = await post('/v1/chat/completions', { ...base, ...fields });
    const { param, code } = body.error;
    expect([status, param, code]).toEqual([400, 'enable_thinking', 'invalid_parameter_combination']);
  });

  test('tool calls are constrained after the thinking', async () => {
    const text = '<think>Hm.</think><tool_call>{"name": "f", "arguments": {}}</tool_call>';
    const { post, engine } = await room(text, { chat: THINKING_TOOL_TEMPLATE });
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const { body } = await post('/v1/chat/completions', { ...base, tools, tool_choice: 'required' });
    const { constraint } = engine.requests[0];
    expect(constraint).toMatchObject({ ...spec, budget: undefined });
    expect(constraint).toHaveProperty('then.type', 'tool_calls');
    expect(constraint).toHaveProperty('then.mode', 'required');
    expect(body.choices[0]).toMatchObject({
      message: { reasoning_content: 'Hm.', content: null, tool_calls: [{ function: { name: 'f' } }] },
      finish_reason: 'tool_calls',
    });
  });
});

test('thinking in a message of the history reaches the template as reasoning_content', async () => {
  const chat = '{% for m in messages %}{{ m.reasoning_content }}{% endfor %}</think>';
  const { post, engine } = await room('Yes.', { chat });
  const messages = [{ role: 'assistant', content: 'Yes.', reasoning_content: 'Hm.' }];
  expect((await post('/v1/chat/completions', { ...base, messages })).status).toBe(200);
  expect([...engine.requests[0].prompt]).toEqual(say('Hm.</think>'));
});
