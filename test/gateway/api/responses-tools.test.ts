// Tools of POST /v1/responses that a chat has not: custom tools, namespaces, tools that others run; and items of others in the
// conversation.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_EFFECT } from '../../../gateway/api/no-effect.ts';
import { larkPattern } from '../../../gateway/api/responses/tools/lark-pattern.ts';
import { TOOL_TEMPLATE } from '../../support/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom, type Room, say, startRoom } from './harness.ts';
import { namedEvents } from './named-events.ts';
import { event, response } from './responses-shapes.ts';

let room: Room;
let says = '';
beforeAll(async () => {
  room = await startRoom({ once: true, context: 4000, chat: TOOL_TEMPLATE, reply: () => say(says) });
});
afterAll(() => room.server.close(0));

const call = (name: string, args: object) =>
  `<tool_call>\n{"name": "${name}", "arguments": ${JSON.stringify(args)}}\n</tool_call>`;

async function ask(body: object) {
  const asked = { model: MODEL, input: 'hello', ...body };
  const answer = await fetch(`${room.url}/v1/responses`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(asked),
  });
  return { answer, text: await answer.text() };
}

/** The answer, what was given to the engine, and the prompt's text. */
async function whole(body: object) {
  const { answer, text } = await ask(body);
  const request = room.engine.requests.at(-1);
  const tokens = [...(request?.prompt ?? [])];
  const detokenized = await fetch(`${room.url}/detokenize`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ tokens }),
  });
  const { prompt }: { prompt: string } = JSON.parse(await detokenized.text());
  return {
    body: response.parse(JSON.parse(text)),
    noEffect: answer.headers.get(NO_EFFECT),
    constraint: request?.constraint,
    prompt,
  };
}

async function streamed(body: object) {
  const { text } = await ask({ ...body, stream: true });
  return namedEvents(text, event);
}

const patch = { type: 'custom', name: 'patch', description: 'Changes files.' };
const files = {
  type: 'namespace',
  name: 'files',
  description: 'Of this machine.',
  tools: [{ type: 'function', name: 'read', description: 'One.' }, patch],
};

describe('a custom tool', () => {
  const written = 'say "hi"\n\tä 😀 \u0001 \\';

  test('is called with one text, which comes whole and in pieces', async () => {
    says = call('patch', { input: written });
    const { body, prompt, constraint } = await whole({ tools: [patch] });
    expect(body.output).toMatchObject([{ type: 'custom_tool_call', name: 'patch', input: written }]);
    expect(body.tools).toEqual([patch]);
    expect(prompt).toContain('"description": "Changes files."');
    const parameters = {
      type: 'object',
      properties: { input: { type: 'string' } },
      required: ['input'],
      additionalProperties: false,
    };
    expect(constraint).toMatchObject({ tools: [{ name: 'patch', parameters: JSON.stringify(parameters) }] });
    const events = await streamed({ tools: [patch] });
    const deltas = events.flatMap((each) => {
      return each.type === 'response.custom_tool_call_input.delta' ? [each.delta] : [];
    });
    expect(deltas.length).toBeGreaterThan(5);
    expect(deltas.join('')).toBe(written);
    const done = events.find(({ type }) => type === 'response.custom_tool_call_input.done');
    expect(done).toMatchObject({ input: written });
  });

  test('that is cut off has the text as far as it came', async () => {
    says = call('patch', { input: written }).slice(0, -30);
    const { body } = await whole({ tools: [patch], max_output_tokens: 60 });
    const [item] = body.output;
    expect(item?.type === 'custom_tool_call' && written.startsWith(item.input)).toBe(true);
  });

  test('goes back as it came, and so does its result', async () => {
    says = call('patch', { input: written });
    const { body } = await whole({ tools: [patch] });
    const [item] = body.output;
    if (item?.type !== 'custom_tool_call') throw new Error('no call');
    const result = { type: 'custom_tool_call_output', call_id: item.call_id, output: 'done' };
    says = 'Well.';
    const { prompt } = await whole({
      input: [{ role: 'user', content: 'Q' }, item, result],
      tools: [patch],
    });
    expect(prompt).toContain(`"arguments": {"input": ${JSON.stringify(written)}}`);
    expect(prompt).toContain('<tool_response>\ndone\n</tool_response>');
  });

  test.each([
    ['regex', '[a-c]+', '^(?:[a-c]+)$'],
    ['regex', '^[a-c]+$', '^(?:[a-c]+)$'],
    [
      'lark',
      'start: "a" line+\nline: /[0-9]+/ LF\n%import common.LF',
      '^(?:(?:(?:a)(?:(?:[0-9]+)(?:(?:\\n)))+))$',
    ],
    ['lark', 'start: "(" start? ")"', undefined],
    ['lark', 'start: /(?=a)a/', undefined],
  ])('is held to a grammar in %s: %j', async (syntax, definition, pattern) => {
    says = 'hi';
    const format = { type: 'grammar', syntax, definition };
    const { constraint, body } = await whole({ tools: [{ ...patch, format }] });
    const notes = pattern === undefined ? ['tools[0].format.definition'] : undefined;
    expect(body.expertgrid.schema_notes).toEqual(notes);
    if (constraint?.type !== 'tool_calls') throw new Error('no calls');
    const { properties } = JSON.parse(constraint.tools[0]?.parameters ?? '{}');
    expect(properties).toEqual({ input: { type: 'string', ...(pattern && { pattern }) } });
  });

  test('can be forced', async () => {
    says = call('patch', { input: 'x' });
    const { constraint } = await whole({
      tools: [patch, files.tools[0]],
      tool_choice: { type: 'custom', name: 'patch' },
    });
    expect(constraint).toMatchObject({ mode: 'required', tools: [{ name: 'patch' }] });
  });
});

describe('a namespace', () => {
  test('is offered as functions that begin with its name, and told apart in calls', async () => {
    says = `${call('files__read', {})}\n${call('files__patch', { input: 'x' })}`;
    const { body, prompt } = await whole({ tools: [files] });
    expect(body.output).toMatchObject([
      { type: 'function_call', namespace: 'files', name: 'read', arguments: '{}' },
      { type: 'custom_tool_call', namespace: 'files', name: 'patch', input: 'x' },
    ]);
    expect(prompt).toContain('"name": "files__read", "description": "Of this machine.\\n\\nOne."');
    const results = body.output.map((item) => {
      if (!('call_id' in item)) throw new Error('no call');
      return { type: `${item.type}_output`, call_id: item.call_id, output: 'r' };
    });
    says = 'Well.';
    const input = [{ role: 'user', content: 'Q' }, ...body.output, ...results];
    expect((await whole({ input, tools: [files] })).prompt).toContain(
      '"name": "files__read", "arguments": {}',
    );
  });

  test.each([
    [{ type: 'function', name: 'read' }, ['files__read']],
    [{ type: 'function', name: 'read', namespace: 'files' }, ['files__read']],
    [{ type: 'function', name: 'files__read' }, ['files__read']],
    [
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'namespace', name: 'files' }] },
      ['files__read', 'files__patch'],
    ],
    [
      {
        type: 'allowed_tools',
        mode: 'auto',
        tools: [{ type: 'custom', name: 'patch' }, { type: 'web_search' }],
      },
      ['files__patch'],
    ],
  ])('%j names its functions', async (tool_choice, names) => {
    says = call('files__read', {});
    const { constraint } = await whole({ tools: [files, { type: 'web_search' }], tool_choice });
    if (constraint?.type !== 'tool_calls') throw new Error('no calls');
    expect(constraint.tools.map(({ name }) => name)).toEqual(names);
  });
});

test.each([
  'apply_patch',
  'code_interpreter',
  'computer_use_preview',
  'file_search',
  'image_generation',
  'local_shell',
  'mcp',
  'shell',
  'tool_search',
  'web_search',
  'web_search_preview',
])('a tool of the type %s is not offered, and is named in the header', async (type) => {
  says = 'hi';
  const tools = [
    { type, anything: { it: ['has'] } },
    { type: 'function', name: 'read' },
  ];
  const { body, prompt, noEffect } = await whole({ tools });
  expect(body.tools).toMatchObject([{ type: 'function', name: 'read' }]);
  expect(prompt).not.toContain(type);
  expect(noEffect).toBe(`tools.${type.replace('_use_preview', '')}`);
});

test('tools that items make known are offered with the others', async () => {
  says = call('late', {});
  const input = [
    { role: 'user', content: 'Q' },
    { type: 'additional_tools', role: 'developer', tools: [{ type: 'function', name: 'late' }] },
    { type: 'tool_search_call', call_id: 'ts', arguments: {} },
    { type: 'tool_search_output', call_id: 'ts', tools: [files, { type: 'web_search' }] },
  ];
  const { body, prompt, noEffect } = await whole({ input });
  expect(body.output).toMatchObject([{ type: 'function_call', name: 'late' }]);
  expect(prompt).toContain('files__read');
  expect(noEffect).toBe('input.tool_search_call, tools.web_search, input.call_id');
});

test('a tool that an item makes known again is offered as it says', async () => {
  says = 'hi';
  const again = (description: string) => {
    return { type: 'tool_search_output', tools: [{ ...files, tools: [{ ...files.tools[0], description }] }] };
  };
  const input = [{ role: 'user', content: 'Q' }, again('Two.'), again('Three.')];
  const { prompt } = await whole({ input, tools: [files] });
  expect(prompt.match(/"files__read"/g)).toHaveLength(1);
  expect(prompt).toContain('Three.');
});

/** Answers as OpenAI gives them, null and all. */
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

test('an answer of OpenAI goes back: its calls are shown, and what holds nothing to show is left out by name', async () => {
  says = 'hi';
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

/** Answers of others, whose items have more fields than OpenAI's, or fewer. */
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

test.each(Object.entries(ofOthers))('an answer of %s goes back as it came', async (_, output) => {
  says = 'hi';
  const result = { type: 'function_call_output', call_id: 'c1', output: 'done' };
  const { prompt } = await whole({ input: [{ role: 'user', content: 'Q' }, ...output, result] });
  expect(prompt).toMatch(/Sunny\..*"name": "read", "arguments": \{\}.*done/s);
});

test('what an agent of Codex tells another is a message of the user', async () => {
  says = 'hi';
  const content = [
    { type: 'input_text', text: 'Task:\n' },
    { type: 'encrypted_content', encrypted_content: 'say hi' },
  ];
  const { prompt } = await whole({
    input: [{ type: 'agent_message', id: 'amsg_1', author: '/root', recipient: '/root/t', content }],
  });
  expect(prompt).toContain('Task:\nsay hi');
});

test('reasoning of earlier turns is left out for the current turn alone', async () => {
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

test('null is absent at every depth, but within JSON of the caller', async () => {
  says = 'hi';
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

test('official fields that ask for nothing are accepted and named', async () => {
  says = 'hi';
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

  test.each([1, 2, 9, 40, 200])('keeps as many of %d turns as fit, with the instructions', async (count) => {
    says = 'hi';
    const { prompt, body } = await whole({ ...asked, input: [head, ...turns(count)] });
    const kept = [...prompt.matchAll(/question-(\d+)/g)].map(([, i]) => Number(i));
    const first = kept[0] ?? Number.NaN;
    expect(kept).toEqual(Array.from({ length: count - first }, (_, i) => first + i));
    expect(prompt).toContain('Keep this.');
    expect(prompt).toContain('And this.');
    expect(body.truncation).toBe('auto');
    if (first === 0) return;
    // One turn more would not have fitted.
    const more = { input: [head, ...turns(count).slice(4 * (first - 1))], model: MODEL };
    const refused = await room.post('/v1/responses', { ...asked, ...more, truncation: 'disabled' });
    expect(refused.body.error.code).toBe('context_length_exceeded');
  });

  test('refuses a last turn that does not fit', async () => {
    const input = [...turns(2), { role: 'user', content: 'x'.repeat(5_000) }];
    const { status, body } = await room.post('/v1/responses', { model: MODEL, ...asked, input });
    expect([status, body.error.code, body.error.param]).toEqual([400, 'context_length_exceeded', 'input']);
  });
});

describe('POST /v1/responses/input_tokens', () => {
  test('counts what the prompt of the response would have', async () => {
    says = 'hi';
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

  test('counts more than the context, and refuses what the response would refuse', async () => {
    const count = (more: object) => room.post('/v1/responses/input_tokens', { model: MODEL, ...more });
    const { status, body } = await count({ input: 'x'.repeat(9_000), truncation: 'auto' });
    expect([status, 'input_tokens' in body && Number(body.input_tokens) > 9_000]).toEqual([200, true]);
    const refused = await count({ input: 'x', previous_response_id: 'resp_1' });
    expect([refused.status, refused.body.error.param]).toEqual([400, 'previous_response_id']);
  });
});

test('what leads to a stored response is a 404 that says that nothing is stored', async () => {
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

describe('larkPattern', () => {
  test.each<[string, string[], string[]]>([
    ['start: "a" | "b"', ['a', 'b'], ['', 'ab']],
    ['start: ("a" "b")+ ["c"]', ['ab', 'ababc'], ['c', 'a']],
    ['?start: word ~ 2..3 -> words\nword: /[x-z]/', ['xy', 'xyz'], ['x', 'xyzx']],
    ['start: "0".."9"+ // digits\n     | WS_INLINE\n%import common.WS_INLINE', ['12', '\t '], ['a']],
    ['start.2: A\nA: "*" "\\n" "-"', ['*\n-'], ['\n-']],
    ['start: one\n  | two\none: "1"\ntwo: "2"', ['1', '2'], ['3']],
  ])('%j is a pattern of the same texts', (grammar, inside, outside) => {
    const pattern = new RegExp(`^${larkPattern(grammar)}$`);
    expect(inside.filter((text) => !pattern.test(text))).toEqual([]);
    expect(outside.filter((text) => pattern.test(text))).toEqual([]);
  });

  test.each([
    ['a rule that leads back to itself', 'start: "(" start? ")"'],
    ['what is ignored between terminals', 'start: "a"\n%ignore " "'],
    ['a rule that is missing', 'start: other'],
    ['letters of either case', 'start: "a"i'],
    ['a pattern with flags', 'start: /a/i'],
    ['what is no grammar', 'hello {'],
    ['an import from elsewhere', 'start: X\n%import mine.X'],
    ['groups without end', `start: ${'('.repeat(5_000)}`],
    [
      'more text than a pattern may have',
      `start: a a\n${'abcdefgh'.replaceAll(/./g, (c) => `${c}: ${`${String.fromCharCode(c.charCodeAt(0) + 1)} `.repeat(9)}\n`)}i: "x"`,
    ],
    ['a grammar that is too long', `start: "${'a'.repeat(70_000)}"`],
  ])('finds none of %s', (_, grammar) => {
    expect(larkPattern(grammar)).toBeUndefined();
  });
});
