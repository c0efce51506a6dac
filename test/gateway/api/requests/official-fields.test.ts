// Fields of OpenAI's API and vLLM's that have no effect here, or that are two names of one setting. They are accepted, and the header
// names those without effect.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JSON_TYPE, MODEL, type Room, startRoom } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true });
});
afterAll(() => room.server.close(0));

const chat = '/v1/chat/completions';
const bodies: Record<string, object> = {
  [chat]: { model: MODEL, messages: [{ role: 'user', content: 'hi' }] },
  '/v1/completions': { model: MODEL, prompt: 'hi' },
  '/v1/responses': { model: MODEL, input: 'hi' },
};
const both = [chat, '/v1/completions'];

async function ask(path: string, fields: object) {
  const body = JSON.stringify({ ...bodies[path], ...fields });
  const answer = await fetch(room.url + path, { method: 'POST', body, headers: JSON_TYPE });
  const told = await answer.text();
  const noEffect = answer.headers.get('x-expertgrid-no-effect')?.split(', ') ?? [];
  return { status: answer.status, noEffect, told };
}

type Case = [paths: string[], fields: Record<string, unknown>, noEffect?: string[]];
const cases: Case[] = [
  [
    both,
    { stream: true, stream_options: { include_obfuscation: true } },
    ['stream_options.include_obfuscation'],
  ],
  [
    both,
    { stream: true, stream_options: { continuous_usage_stats: true } },
    ['stream_options.continuous_usage_stats'],
  ],
  [both, { stream: true, stream_options: { include_usage: true, continuous_usage_stats: true } }],
  [both, { stream_options: {} }],
  [both, { stream: false, stream_options: { include_usage: false } }],
  [[chat], { logprobs: false, top_logprobs: 0 }],
  [both, { prompt_cache_retention: '24h' }, ['prompt_cache_retention']],
  [both, { prompt_cache_options: { mode: 'explicit', ttl: '30m' } }, ['prompt_cache_options']],
  [both, { length_penalty: 1, early_stopping: false }, ['length_penalty', 'early_stopping']],
  [both, { spaces_between_special_tokens: false }, ['spaces_between_special_tokens']],
  [both, { guided_decoding_backend: 'xgrammar' }, ['guided_decoding_backend']],
  [both, { bad_words: [], logits_processors: [], use_beam_search: false, kv_transfer_params: {} }],
  [[chat], { functions: [], function_call: 'none', modalities: ['text'], include_reasoning: true }],
  [[chat], { prediction: { type: 'content', content: 'x' } }, ['prediction']],
  [[chat], { prediction: { type: 'content', content: [{ type: 'text', text: 'x' }] } }, ['prediction']],
  [[chat], { reasoning_effort: 'none' }, ['reasoning_effort']],
  [[chat], { reasoning_effort: 'high' }, ['reasoning_effort']],
  [[chat], { max_thinking_tokens: 0 }],
  [['/v1/responses'], { reasoning: { effort: 'medium' } }, ['reasoning.effort']],
  [both, { max_tokens: 4, max_completion_tokens: 4 }],
  [both, { max_completion_tokens: 4, max_tokens: null }],
  [both, { stop: '' }],
  [both, { stop: ['', ''] }],
  [both, { stop: Array.from({ length: 200 }, (_, i) => `stop ${i}`) }],
];

type Single = [path: string, fields: object, noEffect: string[]];
const singles = cases.flatMap(([paths, fields, noEffect = []]) => {
  return paths.map((path): Single => [path, fields, noEffect]);
});

test.each(singles)('%s accepts %j', async (path, fields, noEffect) => {
  const answer = await ask(path, fields);
  expect([answer.status, answer.told.slice(0, answer.status === 200 ? 0 : 500)]).toEqual([200, '']);
  expect(answer.noEffect).toEqual(noEffect);
});

test.each(both)('%s accepts max_completion_tokens as a name of max_tokens', async (path) => {
  await ask(path, { max_completion_tokens: 3 });
  expect(room.engine.requests.at(-1)?.maxTokens).toBe(3);
});

test.each(both)('%s ignores empty stop strings', async (path) => {
  const { told } = await ask(path, { stop: ['', 'world'] });
  expect(told).toContain('hello ');
  expect(told).not.toContain('world');
});

test.each<[object, string]>([
  [{ web_search_options: {} }, 'web_search_options'],
  [{ moderation: { model: 'omni' } }, 'moderation'],
  [{ include_reasoning: false }, 'include_reasoning'],
  [{ modalities: ['text', 'audio'] }, 'modalities'],
])('%j is a 400 that names the field', async (fields, param) => {
  const { status, body } = await room.post(chat, { ...bodies[chat], ...fields });
  expect([status, body.error.param, body.error.code]).toEqual([400, param, 'unsupported_parameter']);
});
