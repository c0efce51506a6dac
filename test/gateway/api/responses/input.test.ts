// Requests that POST /v1/responses refuses: status, type, code, and the param under the client's own name. Also settings that reach
// the engine.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unsupportedResponsesFields } from '../../../../gateway/api/responses/schema.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { MODEL, openRoom, type Room, startRoom, VOCAB } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 800, chat: TOOL_TEMPLATE });
});
afterAll(() => room.server.close(0));

const item = (fields: object) => ({ input: [fields] });
const odd = { type: 'object', properties: { a: { unevaluatedItems: false } } };
const tool = (fields: object = {}) => ({
  type: 'function',
  name: 'f',
  parameters: { type: 'object' },
  ...fields,
});

type Case = [fields: Record<string, unknown>, param: string | null, code: string | null, words?: RegExp];

const cases: Case[] = [
  [{ model: 5 }, 'model', 'invalid_type'],
  [{ input: undefined }, 'input', 'missing_required_parameter'],
  [{ input: 5 }, 'input', 'invalid_type', /expected a string or an array/],
  [{ input: [] }, 'input', 'empty_array'],
  [item({ type: 'teapot' }), 'input[0].type', 'invalid_value', /'function_call'/],
  ...[{ type: 'item_reference', id: 'msg_1' }, { id: 'msg_1' }].map((reference): Case => {
    return [item(reference), 'input[0].type', 'unsupported_parameter', /'msg_1'.*not found.*'input'.*store/];
  }),
  [
    item({ type: 'compaction', encrypted_content: 'x' }),
    'input[0].type',
    'unsupported_parameter',
    /encrypted/,
  ],
  [item({ type: 'compaction_trigger' }), 'input[0].type', 'unsupported_parameter', /compacts/],
  [item({ type: 'computer_call_output', call_id: 'a' }), 'input[0].type', 'unsupported_parameter', /images/],
  [item({ type: 'web_search_call', id: 'ws_1' }), 'input', 'invalid_value', /none of its items/],
  [item({ role: 'wizard', content: 'x' }), 'input[0].role', 'invalid_value'],
  [item({ role: 'user' }), 'input[0].content', 'missing_required_parameter'],
  [
    item({ role: 'user', content: [{ type: 'input_image', image_url: 'x' }] }),
    'input[0].content[0].type',
    'invalid_value',
    /'input_image'.*'input_text'/,
  ],
  [item({ role: 'user', content: 'x', colour: 1 }), 'input[0].colour', 'unknown_parameter'],
  [
    item({ type: 'function_call', name: 'f', arguments: '{}' }),
    'input[0].call_id',
    'missing_required_parameter',
  ],
  [item({ type: 'reasoning', summary: [], encrypted_content: 'abc' }), 'input', 'invalid_value'],
  [
    item({ type: 'function_call_output', call_id: 'a', output: 'x' }),
    'input[0].call_id',
    'invalid_value',
    /no message before it calls a tool with the id 'a'/,
  ],
  [{ input: 'x'.repeat(600), max_output_tokens: 600 }, 'input', 'context_length_exceeded'],
  [{ input: 'x'.repeat(20_000) }, 'input', 'context_length_exceeded'],
  [{ max_output_tokens: 0 }, 'max_output_tokens', 'integer_below_min_value'],
  [{ max_output_tokens: 'many' }, 'max_output_tokens', 'invalid_type'],
  [{ temperature: 2.5 }, 'temperature', 'decimal_above_max_value'],
  [{ top_p: -1 }, 'top_p', 'decimal_below_min_value'],
  [{ top_logprobs: 21 }, 'top_logprobs', 'integer_above_max_value'],
  [{ top_logprobs: 2 }, 'top_logprobs', 'invalid_parameter_combination'],
  [{ include: ['teapot'] }, 'include[0]', 'invalid_value', /'message\.output_text\.logprobs'/],
  [{ stream: 'yes' }, 'stream', 'invalid_type'],
  [{ stream_options: { include_usage: true } }, 'stream_options.include_usage', 'unknown_parameter'],
  [{ reasoning: { effort: 'huge' } }, 'reasoning.effort', 'invalid_value'],
  [{ reasoning: { summary: 'long' } }, 'reasoning.summary', 'invalid_value'],
  [{ reasoning: { context: 'none' } }, 'reasoning.context', 'invalid_value'],
  [{ reasoning: { mode: 'pro' } }, 'reasoning.mode', 'invalid_value'],
  [{ prompt_cache_options: { prewarm: true } }, 'prompt_cache_options.prewarm', 'invalid_value'],
  [{ text: { verbosity: 'loud' } }, 'text.verbosity', 'invalid_value'],
  [{ text: { format: { type: 'xml' } } }, 'text.format.type', 'invalid_value'],
  [
    { text: { format: { type: 'json_schema', name: 'x' } } },
    'text.format.schema',
    'missing_required_parameter',
  ],
  [
    { text: { format: { type: 'json_schema', name: 'x', schema: odd } } },
    'text.format.schema.properties.a.unevaluatedItems',
    'invalid_json_schema',
    /'unevaluatedItems'/,
  ],
  [
    { tools: [tool({ parameters: odd, strict: true })] },
    'tools[0].parameters.properties.a.unevaluatedItems',
    'invalid_json_schema',
    /'unevaluatedItems'/,
  ],
  [{ tools: [{ type: 'teapot' }] }, 'tools[0].type', 'invalid_value', /'function'/],
  [{ tools: [tool({ name: undefined })] }, 'tools[0].name', 'missing_required_parameter'],
  [{ tools: [tool({ name: 'not a name' })] }, 'tools[0].name', 'invalid_value', /'tools\[0\]\.name'/],
  [{ tools: [tool(), tool()] }, 'tools[1].name', 'invalid_value'],
  [{ tools: [tool({ parameters: 'x' })] }, 'tools[0].parameters', 'invalid_type'],
  [{ tools: [tool({ function: {} })] }, 'tools[0].function', 'unknown_parameter'],
  [{ tools: [tool()], tool_choice: 'maybe' }, 'tool_choice', 'invalid_value'],
  [{ tools: [tool()], tool_choice: { type: 'function', name: 'g' } }, 'tool_choice.name', 'invalid_value'],
  [{ tools: [tool()], tool_choice: { type: 'mcp' } }, 'tool_choice.type', 'invalid_value', /'mcp'/],
  [{ tools: [{ type: 'web_search' }], tool_choice: 'required' }, 'tool_choice', 'invalid_value', /none/],
  [
    { tools: [tool()], tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'mcp' }] } },
    'tool_choice.tools',
    'invalid_value',
  ],
  [{ tools: [tool()], tool_choice: { type: 'custom', name: 'f' } }, 'tool_choice.name', 'invalid_value'],
  [
    { tools: [tool({ allowed_callers: ['programmatic'] })] },
    'tools[0].allowed_callers',
    'unsupported_parameter',
  ],
  [
    { tools: ['a', 'b'].map((name) => ({ type: 'namespace', name, tools: Array(65).fill(tool()) })) },
    'tools',
    'array_above_max_length',
    /130 functions/,
  ],
  [
    { tools: [{ type: 'namespace', name: 'n', tools: [tool(), tool()] }] },
    'tools[0].tools[1].name',
    'invalid_value',
  ],
  [
    {
      tools: [
        tool(),
        { type: 'custom', name: 'c', format: { type: 'grammar', syntax: 'regex', definition: '(?=a)' } },
      ],
    },
    'tools[1].format.definition',
    'invalid_json_schema',
  ],
  [
    {
      tools: [tool()],
      tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'g' }] },
    },
    'tool_choice.tools[0].name',
    'invalid_value',
  ],
  [{ tool_choice: 'required' }, 'tool_choice', 'invalid_parameter_combination'],
  [{ metadata: { a: 1 } }, 'metadata.a', 'invalid_type'],
  [{ store: 'no' }, 'store', 'invalid_type'],
  [{ logit_bias: { [VOCAB]: 1 } }, `logit_bias.${VOCAB}`, 'invalid_token_id'],
  [{ min_tokens: 6, max_output_tokens: 5 }, 'min_tokens', 'integer_above_max_value', /'max_output_tokens'/],
  [{ expertgrid: { routes: true } }, 'expertgrid.routes', 'unknown_parameter'],
  [{ messages: [] }, 'messages', 'unknown_parameter'],
  [{ max_tokens: 5 }, 'max_tokens', 'unknown_parameter'],
  [{ background: true }, 'background', 'unsupported_parameter', /Only false is/],
  [{ truncation: 'auto', input: 'x'.repeat(20_000) }, 'input', 'context_length_exceeded'],
  [{ previous_response_id: 'resp_1' }, 'previous_response_id', 'unsupported_parameter', /stores no.*'input'/],
  [{ conversation: 'conv_1' }, 'conversation', 'unsupported_parameter', /stores no.*'input'/],
];

test.each(cases)('%j is a 400', async (fields, param, code, words = /./) => {
  const { status, body } = await room.post('/v1/responses', { model: MODEL, input: 'hello', ...fields });
  expect(body.error).toEqual({
    message: expect.stringMatching(words),
    type: 'invalid_request_error',
    param,
    code,
  });
  expect(status).toBe(400);
});

test('refuses an unknown model, invalid JSON, deep values, and a body over the limit', async () => {
  const unknown = await room.post('/v1/responses', { model: 'gpt-5', input: 'x' });
  expect([unknown.status, unknown.body.error.code]).toEqual([404, 'model_not_found']);
  expect((await room.post('/v1/responses', '{')).status).toBe(400);
  const deep = `{"model":"${MODEL}","input":"x","metadata":{"a":${'['.repeat(9_000)}${']'.repeat(9_000)}}}`;
  expect((await room.post('/v1/responses', deep)).body.error.param).toBe('metadata');
  const small = await openRoom({ limits: { bodyBytes: 100 } });
  expect((await small.post('/v1/responses', { model: MODEL, input: 'x'.repeat(200) })).status).toBe(413);
});

test.each(Object.entries(unsupportedResponsesFields))('%s is a 400 that names it', async (name, neutral) => {
  const asked = { model: MODEL, input: 'hello' };
  const { status, body } = await room.post('/v1/responses', { ...asked, [name]: 'anything' });
  expect([status, body.error.param, body.error.code]).toEqual([400, name, 'unsupported_parameter']);
  for (const value of neutral) {
    expect((await room.post('/v1/responses', { ...asked, [name]: JSON.parse(value) })).status).toBe(200);
  }
});

test('null, defaults and fields that change nothing are accepted', async () => {
  const { status } = await room.post('/v1/responses', {
    model: MODEL,
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }],
    store: true,
    include: ['reasoning.encrypted_content'],
    reasoning: { effort: null, summary: null },
    text: { format: { type: 'text' }, verbosity: 'low' },
    tool_choice: 'auto',
    tools: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    service_tier: 'auto',
    stream_options: { include_obfuscation: false },
    max_output_tokens: null,
  });
  expect(status).toBe(200);
});

test('sampling fields become the same engine settings as in a chat', async () => {
  const { engine, post } = await openRoom({ once: true });
  const fields = { temperature: 0.3, top_p: 0.4, top_k: 7, min_p: 0.1, seed: 9, presence_penalty: 1 };
  await post('/v1/responses', { model: MODEL, input: 'hello', ...fields, max_output_tokens: 5 });
  await post('/v1/chat/completions', {
    model: MODEL,
    messages: [{ role: 'user', content: 'hello' }],
    ...fields,
    max_completion_tokens: 5,
  });
  const [own, chat] = engine.requests.map(({ id: _, traceId: _trace, ...request }) => request);
  expect(own).toEqual(chat);
});
