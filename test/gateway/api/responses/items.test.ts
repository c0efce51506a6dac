// POST /v1/responses with items that other servers wrote, and with null fields in the input.
import { expect, test } from 'vitest';
import { MODEL, openRoom } from '../harness.ts';
import { model, patch, useRoom, whole } from './room.ts';

useRoom();

/** Items of OpenAI's answers, with their null fields. */
const ofOpenAI = [
  { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAA', status: null, content: null },
  { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'x' } },
  {
    type: 'message',
    id: 'msg_1',
    role: 'assistant',
    status: 'completed',
    phase: 'final_answer',
    content: [
      {
        type: 'output_text',
        text: 'Sunny.',
        annotations: [{ type: 'url_citation', url: 'http://a', start_index: 0, end_index: 1, title: 't' }],
        logprobs: null,
      },
    ],
  },
  {
    type: 'function_call',
    id: 'fc_1',
    call_id: 'c1',
    name: 'read',
    namespace: null,
    arguments: '{}',
    caller: { type: 'direct' },
  },
  { type: 'function_call_output', id: null, call_id: 'c1', output: [{ type: 'input_text', text: 'r1' }] },
  { type: 'shell_call', call_id: 'c2', action: { commands: ['ls'], timeout_ms: null }, status: 'completed' },
  {
    type: 'shell_call_output',
    call_id: 'c2',
    output: [{ stdout: 'r2', stderr: '', outcome: { type: 'exit' } }],
  },
  { type: 'local_shell_call', id: 'l1', call_id: 'c3', action: { type: 'exec', command: ['pwd'], env: {} } },
  { type: 'local_shell_call_output', id: 'c3', output: 'r3' },
  { type: 'apply_patch_call', call_id: 'c4', operation: { type: 'delete_file', path: 'a' } },
  { type: 'apply_patch_call_output', call_id: 'c4', status: 'completed', output: null },
  {
    type: 'mcp_call',
    id: 'm1',
    server_label: 'srv',
    name: 'get',
    arguments: '{"a": 1}',
    output: 'r5',
    error: null,
  },
  {
    type: 'code_interpreter_call',
    id: 'ci1',
    code: '1+1',
    container_id: 'x',
    outputs: [{ type: 'logs', logs: 'r6' }],
  },
  { type: 'file_search_call', id: 'fs1', queries: ['q'], results: [{ text: 'r7' }], status: 'completed' },
];

test('items of an answer by OpenAI are accepted: calls reach the prompt, and items without text are named in the header', async () => {
  model.says = 'hi';
  const input = [{ role: 'user', content: 'Q' }, ...ofOpenAI, { role: 'user', content: 'R' }];
  const { prompt, noEffect } = await whole({ input });
  for (const text of ['Sunny.', 'r1', 'r2', 'r3', 'completed', 'r5', 'r6', 'r7'])
    expect(prompt).toContain(text);
  for (const name of ['shell', 'local_shell', 'apply_patch', 'srv__get', 'code_interpreter', 'file_search']) {
    expect(prompt).toContain(`{"name": "${name}", "arguments": {`);
  }
  expect(noEffect).toBe(
    'input.encrypted_content, input.web_search_call, input.content.annotations, input.phase, input.caller',
  );
});

/** Answers of other servers, whose items have more fields than OpenAI's, or fewer. */
const ofOthers = {
  vLLM: [
    {
      ...{ id: 'rs_1', type: 'reasoning', summary: [], status: null, encrypted_content: null },
      content: [{ type: 'reasoning_text', text: 'hm' }],
    },
    {
      ...{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', phase: null },
      content: [{ type: 'output_text', text: 'Sunny.', annotations: [], logprobs: null }],
    },
    {
      ...{ id: 'fc_1', type: 'function_call', call_id: 'c1', name: 'read', arguments: '{}' },
      ...{ status: 'completed', namespace: null },
    },
  ],
  OpenRouter: [
    {
      ...{ id: 'rs_1', type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }], content: null },
      ...{ format: 'anthropic-claude-v1', signature: 'abc', encrypted_content: null, status: 'completed' },
    },
    {
      ...{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed' },
      content: [{ type: 'output_text', text: 'Sunny.', annotations: [], logprobs: [] }],
    },
    { id: 'fc_1', type: 'function_call', call_id: 'c1', name: 'read', arguments: '{}', status: 'completed' },
  ],
  'llama.cpp': [
    {
      ...{ id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: '', status: 'completed' },
      content: [{ type: 'reasoning_text', text: 'hm' }],
    },
    {
      ...{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed' },
      content: [{ type: 'output_text', text: 'Sunny.', annotations: [], logprobs: [] }],
    },
    { type: 'function_call', call_id: 'c1', name: 'read', arguments: '{}', status: 'completed' },
  ],
};

test.each(Object.entries(ofOthers))('items of an answer by %s are accepted unchanged', async (_, output) => {
  model.says = 'hi';
  const result = { type: 'function_call_output', call_id: 'c1', output: 'done' };
  const { prompt } = await whole({ input: [{ role: 'user', content: 'Q' }, ...output, result] });
  expect(prompt).toMatch(/Sunny\..*"name": "read", "arguments": \{\}.*done/s);
});

test('a message between agents of Codex becomes a user message', async () => {
  model.says = 'hi';
  const content = [
    { type: 'input_text', text: 'Task:\n' },
    { type: 'encrypted_content', encrypted_content: 'say hi' },
  ];
  const { prompt } = await whole({
    input: [{ type: 'agent_message', id: 'amsg_1', author: '/root', recipient: '/root/t', content }],
  });
  expect(prompt).toContain('Task:\nsay hi');
});

test('reasoning of earlier turns is left out only if reasoning.context is current_turn', async () => {
  const chat =
    "{# 'tool' tool_calls </think> #}{% for m in messages %}{{ m.reasoning_content }}{{ m.content }}{% endfor %}>";
  const room = await openRoom({ once: true, chat });
  const thought = (text: string) => ({ type: 'reasoning', content: [{ type: 'reasoning_text', text }] });
  const input = [
    { role: 'user', content: 'Q' },
    ...[thought('first'), { role: 'assistant', content: 'A' }, { role: 'user', content: 'R' }],
    ...[thought('second'), { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' }],
    { type: 'function_call_output', call_id: 'c', output: 'r' },
  ];
  const shown = async (context: string) => {
    await room.post('/v1/responses', { model: MODEL, input, reasoning: { context } });
    const tokens = [...(room.engine.requests.at(-1)?.prompt ?? [])];
    const { body } = await room.post('/detokenize', { tokens });
    return ['first', 'second'].filter((text) => JSON.stringify(body).includes(text));
  };
  expect(await shown('all_turns')).toEqual(['first', 'second']);
  expect(await shown('current_turn')).toEqual(['second']);
});

test('null means absent at every depth, except within the client’s own JSON', async () => {
  model.says = 'hi';
  const { body } = await whole({
    input: [
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'x', colour: null }] },
      { type: null, role: 'user', content: 'y', id: null, colour: null },
    ],
    tools: [
      { type: 'function', name: 'read', parameters: { type: 'object', default: null }, odd: null },
      { ...patch, format: null },
    ],
    text: { format: null, verbosity: null },
    reasoning: { effort: null, summary: null, generate_summary: null },
    stream_options: { include_obfuscation: null },
  });
  expect(body.tools).toMatchObject([{ parameters: { type: 'object', default: null } }, { name: 'patch' }]);
});
