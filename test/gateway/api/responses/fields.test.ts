// POST /v1/responses: fields without effect, truncation, the count of tokens, and paths that need stored responses.
import { describe, expect, test } from 'vitest';
import { MODEL, openRoom } from '../harness.ts';
import { files, model, room, useRoom, whole } from './room.ts';

useRoom();

test('official fields without effect are accepted and named in the header', async () => {
  model.says = 'hi';
  const fields = {
    max_tool_calls: 3,
    prompt_cache_retention: '24h',
    prompt_cache_options: { mode: 'explicit', ttl: '30m' },
    stream_options: { include_obfuscation: true },
    reasoning: { summary: 'detailed', generate_summary: 'auto', context: 'auto', mode: 'standard' },
    include: ['file_search_call.results', 'reasoning.encrypted_content'],
    client_metadata: { session: 's', nested: { any: null } },
    access_programs: { cyber: 'standard' },
    image: { context_compression: 'enabled' },
    background: false,
    background_options: {},
    context_management: [],
    tools: [
      {
        ...{ type: 'function', name: 'read', strict: false, allowed_callers: ['direct', 'programmatic'] },
        ...{ async: true, defer_loading: true, output_schema: { type: 'string' } },
      },
    ],
  };
  const { body, noEffect } = await whole(fields);
  expect(body).toMatchObject({ max_tool_calls: 3 });
  expect(noEffect?.split(', ').toSorted()).toEqual([
    'access_programs',
    'client_metadata',
    'image',
    'include.file_search_call.results',
    'include.reasoning.encrypted_content',
    'max_tool_calls',
    'prompt_cache_options',
    'prompt_cache_retention',
    'reasoning.context',
    'reasoning.generate_summary',
    'reasoning.mode',
    'reasoning.summary',
    'stream_options.include_obfuscation',
    'tools.allowed_callers',
    'tools.async',
    'tools.defer_loading',
    'tools.output_schema',
  ]);
});

describe('truncation: auto', () => {
  const turns = (count: number) =>
    Array.from({ length: count }, (_, i) => [
      { role: 'user', content: `question-${i} ${'x'.repeat(90)}` },
      { type: 'function_call', call_id: `c${i}`, name: 'read', arguments: '{}' },
      { type: 'function_call_output', call_id: `c${i}`, output: `result-${i}` },
      { role: 'assistant', content: `answer-${i}` },
    ]).flat();
  const head = { role: 'developer', content: 'Keep this.' };
  const asked = { truncation: 'auto', instructions: 'And this.', max_output_tokens: 5 };

  test.each([1, 2, 9, 40, 200])('keeps the instructions and as many of %d turns as fit', async (count) => {
    model.says = 'hi';
    const { prompt, body } = await whole({ ...asked, input: [head, ...turns(count)] });
    const kept = [...prompt.matchAll(/question-(\d+)/g)].map(([, i]) => Number(i));
    const first = kept[0] ?? Number.NaN;
    expect(kept).toEqual(Array.from({ length: count - first }, (_, i) => first + i));
    expect(prompt).toContain('Keep this.');
    expect(prompt).toContain('And this.');
    expect(body.truncation).toBe('auto');
    if (first === 0) return;
    // One more turn would not fit.
    const more = { input: [head, ...turns(count).slice(4 * (first - 1))], model: MODEL };
    const refused = await room.post('/v1/responses', { ...asked, ...more, truncation: 'disabled' });
    expect(refused.body.error.code).toBe('context_length_exceeded');
  });

  test('refuses a last turn that does not fit', async () => {
    const input = [...turns(2), { role: 'user', content: 'x'.repeat(5_000) }];
    const { status, body } = await room.post('/v1/responses', { model: MODEL, ...asked, input });
    expect([status, body.error.code, body.error.param]).toEqual([400, 'context_length_exceeded', 'input']);
  });

  test('needs no memory for the many ways in which a long conversation can be cut', async () => {
    model.says = 'hi';
    const input = Array.from({ length: 16_000 }, () => ({ role: 'user', content: 'x' }));
    const heap = () => process.memoryUsage().heapUsed / 2 ** 20;
    const before = heap();
    let most = 0;
    const sampling = setInterval(() => {
      most = Math.max(most, heap());
    }, 1);
    const { prompt } = await whole({ ...asked, input });
    clearInterval(sampling);
    expect(prompt).toContain('And this.');
    // The lists of all shortened conversations would have 128 million entries of 4 or 8 bytes.
    expect(most - before).toBeLessThan(300);
  });
});

describe('POST /v1/responses/input_tokens', () => {
  test('returns the input_tokens of the response to the same request', async () => {
    model.says = 'hi';
    const asked = { instructions: 'Be brief.', tools: [files, { type: 'web_search' }] };
    const { body } = await whole(asked);
    const counted = await room.client.responses.inputTokens.count({
      model: MODEL,
      input: 'hello',
      instructions: 'Be brief.',
      tools: asked.tools as never,
    });
    expect(counted).toEqual({ object: 'response.input_tokens', input_tokens: body.usage?.input_tokens });
  });

  test('counts a prompt that exceeds the context, and refuses invalid fields like responses', async () => {
    const count = (more: object) => room.post('/v1/responses/input_tokens', { model: MODEL, ...more });
    const { status, body } = await count({ input: 'x'.repeat(9_000), truncation: 'auto' });
    expect([status, 'input_tokens' in body && Number(body.input_tokens) > 9_000]).toEqual([200, true]);
    const refused = await count({ input: 'x', previous_response_id: 'resp_1' });
    expect([refused.status, refused.body.error.param]).toEqual([400, 'previous_response_id']);
  });
});

test('paths of stored responses answer 404 and say that nothing is stored', async () => {
  const { client, url } = await openRoom({ once: true });
  const gone = { status: 404, message: /stores no responses.*'input'/ };
  const expected = expect.objectContaining({ status: 404, message: expect.stringMatching(gone.message) });
  await expect(client.responses.retrieve('resp_1')).rejects.toEqual(expected);
  await expect(client.responses.delete('resp_1')).rejects.toEqual(expected);
  await expect(client.responses.cancel('resp_1')).rejects.toEqual(expected);
  await expect(client.responses.inputItems.list('resp_1')).rejects.toEqual(expected);
  await expect(client.responses.compact({ model: 'gpt-5.1', input: 'x' })).rejects.toMatchObject({
    status: 404,
    message: expect.stringMatching(/compacts no conversations/),
  });
  expect((await fetch(`${url}/responses/resp_1`)).status).toBe(404);
});
