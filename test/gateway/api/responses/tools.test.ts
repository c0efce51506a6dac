// Tools of POST /v1/responses that chats do not have: custom tools, namespaces and built-in tools.
import { describe, expect, test } from 'vitest';
import { call, files, model, patch, streamed, useRoom, whole } from './room.ts';

useRoom();

describe('a custom tool', () => {
  const written = 'say "hi"\n\tä 😀 \u0001 \\';

  test('is called with one text, streamed or not', async () => {
    model.says = call('patch', { input: written });
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

  test('has the text so far if its call is cut off', async () => {
    model.says = call('patch', { input: written }).slice(0, -30);
    const { body } = await whole({ tools: [patch], max_output_tokens: 60 });
    const [item] = body.output;
    expect(item?.type === 'custom_tool_call' && written.startsWith(item.input)).toBe(true);
  });

  test('accepts its call and the result when they are sent back unchanged', async () => {
    model.says = call('patch', { input: written });
    const { body } = await whole({ tools: [patch] });
    const [item] = body.output;
    if (item?.type !== 'custom_tool_call') throw new Error('no call');
    const result = { type: 'custom_tool_call_output', call_id: item.call_id, output: 'done' };
    model.says = 'Well.';
    const { prompt } = await whole({
      input: [{ role: 'user', content: 'Q' }, item, result],
      tools: [patch],
    });
    expect(prompt).toContain(`"arguments": {"input": ${JSON.stringify(written)}}`);
    expect(prompt).toContain('<tool_response>\ndone\n</tool_response>');
  });

  test.each([
    ['regex', '[a-c]+', '^(?:[a-c]+)$', true],
    ['regex', '^[a-c]+$', '^(?:[a-c]+)$', true],
    [
      'lark',
      'start: "a" line+\nline: /[0-9]+/ LF\n%import common.LF',
      '^(?:(?:(?:a)(?:(?:[0-9]+)(?:(?:\\n)))+))$',
      true,
    ],
    ['lark', 'start: "(" start? ")"', undefined, false],
    ['lark', 'start: /(?=a)a/', '^(?:(?:(?:(?=a)a)))$', true],
    ['lark', 'start: /(?<=a)a/', '^(?:(?:(?:(?<=a)a)))$', false],
  ])(
    'is constrained by a grammar in %s if the grammar is supported: %j',
    async (syntax, definition, pattern, isHeld) => {
      model.says = 'hi';
      const format = { type: 'grammar', syntax, definition };
      const { constraint, body } = await whole({ tools: [{ ...patch, format }] });
      const notes = isHeld ? undefined : ['tools[0].format.definition'];
      expect(body.expertgrid.schema_notes).toEqual(notes);
      if (constraint?.type !== 'tool_calls') throw new Error('no calls');
      const { properties } = JSON.parse(constraint.tools[0]?.parameters ?? '{}');
      expect(properties).toEqual({ input: { type: 'string', ...(pattern && { pattern }) } });
    },
  );

  test('can be forced by tool_choice', async () => {
    model.says = call('patch', { input: 'x' });
    const { constraint } = await whole({
      tools: [patch, files.tools[0]],
      tool_choice: { type: 'custom', name: 'patch' },
    });
    expect(constraint).toMatchObject({ mode: 'required', tools: [{ name: 'patch' }] });
  });
});

describe('a namespace', () => {
  test('is offered as functions that begin with its name, and its calls have name and namespace', async () => {
    model.says = `${call('files__read', {})}\n${call('files__patch', { input: 'x' })}`;
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
    model.says = 'Well.';
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
  ])('the tool choice %j selects functions of the namespace', async (tool_choice, names) => {
    model.says = call('files__read', {});
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
  model.says = 'hi';
  const tools = [
    { type, anything: { it: ['has'] } },
    { type: 'function', name: 'read' },
  ];
  const { body, prompt, noEffect } = await whole({ tools });
  expect(body.tools).toMatchObject([{ type: 'function', name: 'read' }]);
  expect(prompt).not.toContain(type);
  expect(noEffect).toBe(`tools.${type.replace('_use_preview', '')}`);
});

test('tools that are defined in items are offered with the others', async () => {
  model.says = call('late', {});
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

test('a later definition of a tool replaces the earlier one', async () => {
  model.says = 'hi';
  const again = (description: string) => {
    return { type: 'tool_search_output', tools: [{ ...files, tools: [{ ...files.tools[0], description }] }] };
  };
  const input = [{ role: 'user', content: 'Q' }, again('Two.'), again('Three.')];
  const { prompt } = await whole({ input, tools: [files] });
  expect(prompt.match(/"files__read"/g)).toHaveLength(1);
  expect(prompt).toContain('Three.');
});
