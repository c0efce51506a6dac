import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MODEL, openRoom, type Room, startRoom, VOCAB } from '../harness.ts';

let room: Room;
beforeAll(async () => {
  room = await startRoom({ context: 64, limits: { bodyBytes: 200_000, prompts: 3, choices: 32 } });
});

/** Checks that the server still answers after the requests of a test. */
afterAll(async () => {
  const { status } = await room.post('/v1/completions', completion);
  expect([status, room.engine.open]).toEqual([200, 0]);
  await room.server.close(0);
});

const completion = { model: MODEL, prompt: 'hello' };
const chat = { model: MODEL, messages: [{ role: 'user', content: 'hello' }] };
const message = (fields: object) => ({ messages: [{ role: 'user', content: 'x', ...fields }] });
const sentCall = (fields: object) => ({
  id: 'call_1',
  type: 'function',
  function: { name: 'f', arguments: '{}' },
  ...fields,
});
const assistant = (fields: object) => message({ role: 'assistant', tool_calls: [sentCall(fields)] });
const tool = (fields: object) => ({ type: 'function', function: { name: 'f', ...fields } });

const format = (schema: unknown, more: object = {}) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'x', schema, ...more } },
});
const schemaAt = 'response_format.json_schema.schema';

/** A value that is nested more deeply than a schema may be. */
const deep = Array.from({ length: 110 }).reduce<unknown>((items) => ({ items }), {});

type Case = [fields: Record<string, unknown>, param: string | null, code: string | null, words?: RegExp];

/** Cases of both endpoints. */
const common: Case[] = [
  [{ model: 5 }, 'model', 'invalid_type', /expected a string, but got an integer instead/],
  [
    { temperature: 2.5 },
    'temperature',
    'decimal_above_max_value',
    /Expected a value <= 2, but got 2\.5 instead\./,
  ],
  [{ temperature: -1 }, 'temperature', 'decimal_below_min_value'],
  [{ temperature: 'hot' }, 'temperature', 'invalid_type', /expected a decimal, but got a string instead/],
  [{ top_p: 1.01 }, 'top_p', 'decimal_above_max_value'],
  [{ top_k: -2 }, 'top_k', 'integer_below_min_value'],
  [{ top_k: 1.5 }, 'top_k', 'invalid_type', /expected an integer, but got a decimal number instead/],
  [{ min_p: 2 }, 'min_p', 'decimal_above_max_value'],
  [{ seed: 2 ** 60 }, 'seed', 'integer_above_max_value'],
  [{ seed: 'x' }, 'seed', 'invalid_type'],
  [{ presence_penalty: 3 }, 'presence_penalty', 'decimal_above_max_value'],
  [{ frequency_penalty: -3 }, 'frequency_penalty', 'decimal_below_min_value'],
  [{ repetition_penalty: 0 }, 'repetition_penalty', 'decimal_below_min_value'],
  [{ logit_bias: { 5: 101 } }, 'logit_bias.5', 'decimal_above_max_value'],
  [{ logit_bias: { hello: 1 } }, 'logit_bias', 'invalid_key'],
  [{ logit_bias: { [VOCAB]: 1 } }, `logit_bias.${VOCAB}`, 'invalid_token_id'],
  [{ logit_bias: [1] }, 'logit_bias', 'invalid_type'],
  [{ max_tokens: 0 }, 'max_tokens', 'integer_below_min_value'],
  [{ max_tokens: 1.5 }, 'max_tokens', 'invalid_type'],
  [{ max_tokens: 64 }, null, 'context_length_exceeded', /maximum context length is 64 tokens.*you requested/],
  [{ stop: 5 }, 'stop', 'invalid_type', /expected a string or an array, but got an integer/],
  [{ stop: Array(257).fill('a') }, 'stop', 'array_above_max_length'],
  [{ stop: 'a'.repeat(513) }, 'stop', 'string_above_max_length'],
  [{ stop_token_ids: [-1] }, 'stop_token_ids[0]', 'integer_below_min_value'],
  [{ stop_token_ids: [1, VOCAB] }, 'stop_token_ids[1]', 'invalid_token_id'],
  [{ ignore_eos: 'yes' }, 'ignore_eos', 'invalid_type'],
  [{ stream: 1 }, 'stream', 'invalid_type'],
  [{ stream_options: { include_usage: true } }, 'stream_options', 'invalid_parameter_combination'],
  [{ stream: true, stream_options: { obfuscate: true } }, 'stream_options.obfuscate', 'unknown_parameter'],
  [{ expertgrid: { digest: true } }, 'expertgrid.digest', 'unknown_parameter'],
  [
    { verbosity: 5 },
    'verbosity',
    'invalid_type',
    /expected one of 'low', 'medium', 'high', but got an integer/,
  ],
  [{ verbosity: 'loud' }, 'verbosity', 'invalid_value', /Supported values are: 'low', 'medium', 'high'/],
  [
    { max_tokens: 5, max_completion_tokens: 6 },
    'max_tokens',
    'invalid_parameter_combination',
    /the two differ: 6 and 5/,
  ],
  [{ n: 0 }, 'n', 'integer_below_min_value'],
  [{ n: 129 }, 'n', 'integer_above_max_value'],
  [{ n: 1.5 }, 'n', 'invalid_type'],
  [{ n: 40 }, 'n', 'integer_above_max_value', /exceed the limit of 32 answers/],
  [{ best_of: 0 }, 'best_of', 'integer_below_min_value'],
  [{ n: 3, best_of: 2 }, 'best_of', 'integer_below_min_value', /at least 'n', which is 3/],
  [{ best_of: 2, stream: true }, 'best_of', 'invalid_parameter_combination'],
  [{ best_of: 33 }, 'best_of', 'integer_above_max_value', /with 33 answers each/],
  [{ best_of: 33, select: 'majority' }, 'best_of', 'integer_above_max_value'],
  [{ select: 'mean' }, 'select', 'invalid_value', /Supported values are: 'logprob', 'majority'/],
  [{ select: 'logprob', stream: true }, 'select', 'invalid_parameter_combination', /'stream'/],
  [{ select_answer: 'text' }, 'select_answer', 'invalid_parameter_combination', /'majority'/],
  [{ select: 'logprob', select_round: 4 }, 'select_round', 'invalid_parameter_combination', /'majority'/],
  [{ select: 'majority', select_answer: 'number' }, 'select_answer', 'invalid_value', /'last_number'/],
  [{ select: 'majority', select_answer: 'json:' }, 'select_answer', 'invalid_value', /'json:PATH'/],
  [{ select: 'majority', select_answer: 'x'.repeat(65) }, 'select_answer', 'string_above_max_length'],
  [{ select: 'majority', select_round: 0 }, 'select_round', 'integer_below_min_value'],
  [{ min_tokens: -1 }, 'min_tokens', 'integer_below_min_value'],
  [{ min_tokens: 6, max_tokens: 5 }, 'min_tokens', 'integer_above_max_value', /'max_tokens', which is 5/],
  [{ include_stop_str_in_output: 1 }, 'include_stop_str_in_output', 'invalid_type'],
  [{ return_token_ids: 'yes' }, 'return_token_ids', 'invalid_type'],
  [{ priority: 0.5 }, 'priority', 'invalid_type'],
  [{ expertgrid: { experts_per_token: 0 } }, 'expertgrid.experts_per_token', 'integer_below_min_value'],
  [{ expertgrid: { experts_per_token: 9 } }, 'expertgrid.experts_per_token', 'integer_above_max_value'],
  [{ expertgrid: { experts_per_token: [1, 9] } }, 'expertgrid.experts_per_token', 'integer_above_max_value'],
  [
    { expertgrid: { experts_per_token: [1] } },
    'expertgrid.experts_per_token',
    'invalid_array_length',
    /2 layers/,
  ],
  [{ expertgrid: { expert_budget: 0 } }, 'expertgrid.expert_budget', 'integer_below_min_value'],
  [{ expertgrid: { expert_budget: 1 } }, 'expertgrid.expert_budget', 'integer_below_min_value', /2 to 16\./],
  [{ expertgrid: { expert_budget: 17 } }, 'expertgrid.expert_budget', 'integer_above_max_value', /2 to 16\./],
  [{ expertgrid: { expert_budget: 2.5 } }, 'expertgrid.expert_budget', 'invalid_type'],
  [
    { expertgrid: { expert_budget: 4, experts_per_token: 2 } },
    'expertgrid.expert_budget',
    'invalid_parameter_combination',
    /'expertgrid\.experts_per_token' cannot be combined with 'expertgrid\.expert_budget'/,
  ],
  [
    { expertgrid: { expert_policy: 'unsure' } },
    'expertgrid.expert_policy',
    'invalid_parameter_combination',
    /needs 'expertgrid\.expert_budget'/,
  ],
  [
    { expertgrid: { expert_policy: 'fixed', experts_per_token: 2 } },
    'expertgrid.expert_policy',
    'invalid_parameter_combination',
  ],
  [{ expertgrid: { expert_policy: 'often', expert_budget: 4 } }, 'expertgrid.expert_policy', 'invalid_value'],
  [{ expertgrid: { expert_capacity: 0 } }, 'expertgrid.expert_capacity', 'decimal_below_min_value'],
  [{ expertgrid: { expert_capacity: 1e6 } }, 'expertgrid.expert_capacity', 'decimal_above_max_value'],
  [{ expertgrid: { expert_capacity: [1] } }, 'expertgrid.expert_capacity', 'invalid_type'],
  [{ response_format: 'json' }, 'response_format', 'invalid_type'],
  [{ response_format: {} }, 'response_format.type', 'missing_required_parameter'],
  [{ response_format: { type: 'xml' } }, 'response_format.type', 'invalid_value', /'json_object'/],
  [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema', 'missing_required_parameter'],
  [format(undefined), schemaAt, 'missing_required_parameter'],
  [format('{}'), schemaAt, 'invalid_type'],
  [format({}, { name: 'two words' }), 'response_format.json_schema.name', 'invalid_value'],
  [format({ type: 'text' }), `${schemaAt}.type`, 'invalid_json_schema'],
  [
    format({ type: 'object', properties: { a: { unevaluatedItems: false } } }),
    `${schemaAt}.properties.a.unevaluatedItems`,
    'invalid_json_schema',
    /the keyword 'unevaluatedItems' is not supported/,
  ],
  [format({ $ref: '#/$defs/a' }), `${schemaAt}.$ref`, 'invalid_json_schema'],
  [format({ enum: [] }), `${schemaAt}.enum`, 'invalid_json_schema'],
  [format({ type: 'string', pattern: '(' }), `${schemaAt}.pattern`, 'invalid_json_schema'],
  [{ guided_json: 5 }, 'guided_json', 'invalid_type'],
  [{ guided_json: '{' }, 'guided_json', 'invalid_json_schema'],
  [{ guided_json: deep }, 'guided_json', 'too_deep', /more than 100 deep/],
  [{ guided_regex: '[' }, 'guided_regex', 'invalid_value'],
  [{ guided_regex: 'a'.repeat(5000) }, 'guided_regex', 'invalid_value', /at most 4096/],
  [{ guided_regex: '(?=a)b' }, 'guided_regex', 'invalid_value'],
  [{ guided_choice: [] }, 'guided_choice', 'empty_array'],
  [{ guided_choice: ['a', 5] }, 'guided_choice[1]', 'invalid_type'],
  [{ guided_grammar: 'root ::= a' }, 'guided_grammar', 'invalid_value', /"a" is not defined/],
  [{ guided_grammar: 'x ::= "a"' }, 'guided_grammar', 'invalid_value', /no rule .root/],
  [{ structured_outputs: { yaml: '' } }, 'structured_outputs.yaml', 'unknown_parameter'],
  [{ structured_outputs: { regex: '[' } }, 'structured_outputs.regex', 'invalid_value'],
  [{ guided_regex: 'a', guided_choice: ['a'] }, 'guided_choice', 'invalid_parameter_combination'],
  [{ temprature: 1 }, 'temprature', 'unknown_parameter', /Unknown parameter: 'temprature'\./],
  [JSON.parse('{"__proto__": 1}'), '__proto__', 'unknown_parameter'],
  [{ metadata: Array(60_000).fill(0) }, null, 'too_many_values'],
];

const completions: Case[] = [
  [{ prompt: undefined }, 'prompt', 'missing_required_parameter'],
  [{ prompt: 5 }, 'prompt', 'invalid_type'],
  [{ prompt: [] }, 'prompt', 'empty_array'],
  [{ prompt: [[1], []] }, 'prompt[1]', 'empty_array'],
  [{ prompt: ['a', 5] }, 'prompt[1]', 'invalid_type'],
  [{ prompt: [1, 'a'] }, 'prompt[1]', 'invalid_type'],
  [{ prompt: [[1, -1]] }, 'prompt[0][1]', 'invalid_type'],
  [{ prompt: [[1], 'a'] }, 'prompt[1]', 'invalid_type'],
  [{ prompt: [VOCAB] }, 'prompt', 'invalid_token_id', /outside the vocabulary/],
  [{ prompt: [[1], [VOCAB]] }, 'prompt[1]', 'invalid_token_id'],
  [{ prompt: ['a', 'a', 'a', 'a'] }, 'prompt', 'array_above_max_length'],
  [{ prompt: Array(64).fill(1) }, 'prompt', 'context_length_exceeded', /your prompt resulted in 64 tokens/],
  [{ prompt: 'x'.repeat(50_000) }, 'prompt', 'context_length_exceeded', /cannot fit/],
  [{ logprobs: 21 }, 'logprobs', 'integer_above_max_value'],
  [{ logprobs: true }, 'logprobs', 'invalid_type'],
  [{ echo: 'yes' }, 'echo', 'invalid_type'],
  [{ suffix: 'x' }, 'suffix', 'unsupported_parameter', /has no infill tokens/],
  [{ suffix: 5 }, 'suffix', 'invalid_type'],
  [{ prompt: ['a', 'b'], n: 20 }, 'n', 'integer_above_max_value', /2 prompts with 20 answers each/],
  [{ echo: true, max_tokens: -1 }, 'max_tokens', 'integer_below_min_value'],
  [{ messages: [] }, 'messages', 'unknown_parameter'],
];

const chats: Case[] = [
  [{ messages: undefined }, 'messages', 'missing_required_parameter'],
  [{ messages: [] }, 'messages', 'empty_array'],
  [{ messages: 'hi' }, 'messages', 'invalid_type', /expected an array, but got a string/],
  [{ messages: [5] }, 'messages[0]', 'invalid_type'],
  [
    message({ role: 'narrator' }),
    'messages[0].role',
    'invalid_value',
    /'system', 'developer', 'user', 'assistant', 'tool', 'function'/,
  ],
  [message({ role: 'tool' }), 'messages[0].tool_call_id', 'missing_required_parameter'],
  [message({ tool_call_id: 'call_1' }), 'messages[0].tool_call_id', 'invalid_value', /role 'tool'/],
  [message({ reasoning_content: 'Hm.' }), 'messages[0].reasoning_content', 'invalid_value'],
  [message({ role: undefined }), 'messages[0].role', 'missing_required_parameter'],
  [message({ content: undefined }), 'messages[0].content', 'missing_required_parameter'],
  [message({ content: null }), 'messages[0].content', 'missing_required_parameter', /role 'user'/],
  [message({ role: 'assistant', content: null }), 'messages[0].content', 'missing_required_parameter'],
  [message({ content: 5 }), 'messages[0].content', 'invalid_type', /expected a string or an array/],
  [message({ content: [] }), 'messages[0].content', 'empty_array'],
  [message({ content: [{ type: 'image_url' }] }), 'messages[0].content[0].type', 'invalid_value'],
  [message({ content: [{ type: 'text' }] }), 'messages[0].content[0].text', 'missing_required_parameter'],
  [message({ name: 5 }), 'messages[0].name', 'invalid_type'],
  [
    message({ function_call: { name: 'f' } }),
    'messages[0].function_call.arguments',
    'missing_required_parameter',
  ],
  [message({ function_call: { name: 'f', arguments: '' } }), 'messages[0].function_call', 'invalid_value'],
  [message({ tool_calls: [sentCall({})] }), 'messages[0].tool_calls', 'invalid_value', /role 'assistant'/],
  [assistant({ id: 5 }), 'messages[0].tool_calls[0].id', 'invalid_type'],
  [assistant({ type: 'custom' }), 'messages[0].tool_calls[0].type', 'invalid_value'],
  [
    assistant({ function: { name: 'f' } }),
    'messages[0].tool_calls[0].function.arguments',
    'missing_required_parameter',
  ],
  [
    assistant({}),
    'messages[0].tool_calls',
    'tools_not_supported',
    /does not know messages with 'tool_calls'/,
  ],
  [
    message({ role: 'tool', tool_call_id: 'call_1' }),
    'messages[0].role',
    'tools_not_supported',
    /does not know messages with the role 'tool'/,
  ],
  [{ tools: [tool({})] }, 'tools', 'tools_not_supported', /does not mention tools/],
  [{ tools: [{ type: 'custom' }] }, 'tools[0].type', 'invalid_value'],
  [{ tools: [{ type: 'function' }] }, 'tools[0].function', 'missing_required_parameter'],
  [{ tools: [tool({ name: 'two words' })] }, 'tools[0].function.name', 'invalid_value', /letters, digits/],
  [{ tools: [tool({ parameters: [] })] }, 'tools[0].function.parameters', 'invalid_type'],
  [{ tools: [tool({}), tool({})] }, 'tools[1].function.name', 'invalid_value', /another tool/],
  [{ tools: Array(129).fill(tool({})) }, 'tools', 'array_above_max_length'],
  [{ tools: 'all' }, 'tools', 'invalid_type'],
  [{ tools: [5] }, 'tools[0]', 'invalid_type'],
  [{ tools: [tool({ name: 5 })] }, 'tools[0].function.name', 'invalid_type'],
  [{ tools: [tool({ name: 'x'.repeat(129) })] }, 'tools[0].function.name', 'invalid_value'],
  [{ tools: [tool({ colour: 'red' })] }, 'tools[0].function.colour', 'unknown_parameter'],
  [{ tool_choice: 5 }, 'tool_choice', 'invalid_type'],
  [{ tool_choice: 'required' }, 'tool_choice', 'invalid_parameter_combination', /only allowed with 'tools'/],
  [{ tool_choice: 'maybe' }, 'tool_choice', 'invalid_value', /'none', 'auto', 'required'/],
  [{ tools: [tool({})], tool_choice: { type: 'tool' } }, 'tool_choice.type', 'invalid_value'],
  [
    { tools: [tool({})], tool_choice: { type: 'function' } },
    'tool_choice.function',
    'missing_required_parameter',
  ],
  [
    { tools: [tool({})], tool_choice: { type: 'function', function: { name: 'g' } } },
    'tool_choice.function.name',
    'invalid_value',
    /no tool with the name 'g'/,
  ],
  [{ parallel_tool_calls: 'no' }, 'parallel_tool_calls', 'invalid_type'],
  [{ continue_final_message: true }, 'messages[0].role', 'invalid_parameter_combination'],
  [
    { ...message({ role: 'assistant' }), continue_final_message: true, add_generation_prompt: true },
    'continue_final_message',
    'invalid_parameter_combination',
  ],
  [
    { ...message({ prefix: true }) },
    'messages[0].role',
    'invalid_parameter_combination',
    /Invalid 'messages\[0\]': .* role 'assistant'/,
  ],
  [
    { ...message({ role: 'assistant', prefix: true }), add_generation_prompt: true },
    'messages[0].prefix',
    'invalid_parameter_combination',
  ],
  [{ functions: [{ name: 'f' }] }, 'functions', 'unsupported_parameter'],
  [{ function_call: 'auto' }, 'function_call', 'unsupported_parameter'],
  [{ documents: [{ title: 'x' }] }, 'documents', 'documents_not_supported'],
  [{ documents: ['x'] }, 'documents[0]', 'invalid_type'],
  [{ chat_template_kwargs: { messages: [] } }, 'chat_template_kwargs.messages', 'invalid_value'],
  [{ chat_template_kwargs: [] }, 'chat_template_kwargs', 'invalid_type'],
  [{ reasoning_effort: 'huge' }, 'reasoning_effort', 'invalid_value'],
  [{ max_thinking_tokens: 5 }, 'max_thinking_tokens', 'unsupported_parameter', /does not support thinking/],
  [{ enable_thinking: true }, 'enable_thinking', 'unsupported_parameter', /does not support thinking/],
  [{ max_thinking_tokens: -1 }, 'max_thinking_tokens', 'integer_below_min_value'],
  [message({ colour: 'red' }), 'messages[0].colour', 'unknown_parameter'],
  [message({ content: 'x '.repeat(60) }), 'messages', 'context_length_exceeded', /your messages resulted in/],
  [message({ content: 'x'.repeat(50_000) }), 'messages', 'context_length_exceeded'],
  [{ logprobs: 5 }, 'logprobs', 'invalid_type'],
  [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs', 'integer_above_max_value'],
  [{ top_logprobs: 2 }, 'top_logprobs', 'invalid_parameter_combination'],
  [{ prompt: 'x' }, 'prompt', 'unknown_parameter'],
  [{ audio: { voice: 'x' } }, 'audio', 'unsupported_parameter'],
];

describe.each([
  { path: '/v1/completions', base: completion, cases: [...common, ...completions], prompt: 'prompt' },
  { path: '/v1/chat/completions', base: chat, cases: [...common, ...chats], prompt: 'messages' },
])('$path', ({ path, base, cases, prompt }) => {
  const named = cases.map((one): [string, ...Case] => [JSON.stringify(one[0]).slice(0, 60), ...one]);
  test.each(named)('%s is a 400 that names the field', async (_, fields, param, code, words = /./) => {
    const { status, body } = await room.post(path, { ...base, ...fields });
    const contextParam = code === 'context_length_exceeded' ? prompt : param;
    expect(status).toBe(400);
    expect(body.error).toEqual({
      message: expect.stringMatching(words),
      type: 'invalid_request_error',
      param: contextParam,
      code,
    });
  });

  test.each([
    ['not JSON', '{"model": ', /could not parse the JSON body/],
    ['nothing', '', /could not parse the JSON body/],
    ['an array', '[]', /must be a JSON object/],
    ['null', 'null', /must be a JSON object/],
  ])('a body that is %s is refused', async (_, text, words) => {
    const { status, body } = await room.post(path, text);
    expect(status).toBe(400);
    expect(body.error).toEqual({
      message: expect.stringMatching(words),
      type: 'invalid_request_error',
      param: null,
      code: null,
    });
  });

  test('an unknown model is a 404', async () => {
    const { status, body } = await room.post(path, { ...base, model: 'gpt-4' });
    expect(status).toBe(404);
    expect(body.error).toEqual({
      message: "The model 'gpt-4' does not exist or you do not have access to it. Served here: fake-moe.",
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    });
  });

  test('null means absent, and unsupported fields with neutral values are accepted', async () => {
    const nulls = Object.fromEntries(
      [
        'temperature',
        'stop',
        'n',
        'tools',
        'response_format',
        'stream_options',
        'seed',
        'logit_bias',
        'expertgrid',
      ].map((name) => [name, null]),
    );
    expect((await room.post(path, { ...base, ...nulls })).status).toBe(200);
    const neutral = { n: 1, response_format: { type: 'text' }, function_call: 'none' };
    expect((await room.post(path, { ...base, ...neutral })).status).toBe(200);
    const harmless = {
      user: 'me',
      metadata: { a: 'b' },
      store: true,
      service_tier: 'auto',
      safety_identifier: 'x',
      prompt_cache_key: 'y',
      verbosity: 'low',
    };
    expect((await room.post(path, { ...base, ...harmless })).status).toBe(200);
  });

  test('deep JSON is parsed', async () => {
    const depth = 20_000;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const metadata = `{"a":${deep}}`;
    const body = JSON.stringify({ ...base, metadata: 0 }).replace('"metadata":0', `"metadata":${metadata}`);
    expect((await room.post(path, body)).status).toBe(200);
    const tools = JSON.stringify({ ...base, suffix: 0 }).replace('"suffix":0', `"suffix":${deep}`);
    expect((await room.post(path, tools)).body.error.param).toBe('suffix');
  });

  test('a body over the limit is a 413, with or without a content-length', async () => {
    const large = JSON.stringify({ ...base, user: 'x'.repeat(200_000) });
    const told = await room.post(path, large);
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(large));
        controller.close();
      },
    });
    const untold = await room.post(path, '', { body: stream, duplex: 'half' } as RequestInit);
    for (const { status, body } of [told, untold]) {
      expect(status).toBe(413);
      expect(body.error).toMatchObject({
        type: 'invalid_request_error',
        param: null,
        code: 'request_too_large',
      });
    }
  });
});

test('a chat with a model without a chat template is a 400 that says so', async () => {
  const base = await openRoom({ chat: null });
  const { status, body } = await base.post('/v1/chat/completions', chat);
  expect(status).toBe(400);
  expect(body.error).toMatchObject({ param: 'messages', code: 'chat_template_missing' });
});

test('if a template raises an exception, the error contains its message', async () => {
  const strict = await openRoom({ chat: "{{ raise_exception('system must come first') }}" });
  const { status, body } = await strict.post('/v1/chat/completions', chat);
  expect(status).toBe(400);
  expect(body.error.message).toContain('system must come first');
});

test('an empty prompt becomes the token that begins a text', async () => {
  const { status } = await room.post('/v1/completions', { ...completion, prompt: '' });
  expect(status).toBe(200);
  expect([...(room.engine.requests.at(-1)?.prompt ?? [])]).toEqual([VOCAB - 5]);
});

describe('paths and methods', () => {
  test.each(['/v2/completions', '/v3', '/v1/chat'])('%s is unknown', async (path) => {
    const { status, body } = await room.post(path, completion);
    expect(status).toBe(404);
    expect(body.error).toEqual({
      message: `Invalid URL (POST ${path})`,
      type: 'invalid_request_error',
      param: null,
      code: 'unknown_url',
    });
  });

  test.each([
    ['GET', '/v1/completions', 'POST'],
    ['DELETE', '/v1/chat/completions', 'POST'],
    ['POST', '/v1/models', 'GET, HEAD'],
    ['PUT', '/health', 'GET, HEAD'],
  ])('%s %s is a 405 with the header allow: %s', async (method, path, allow) => {
    const response = await fetch(room.url + path, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
    expect(await response.json()).toMatchObject({ error: { param: null, code: 'method_not_allowed' } });
  });

  test.each(['/v1/completions', '/completions', '/v1/completions/', '/completions/'])(
    '%s completes',
    async (path) => {
      expect((await room.post(path, completion)).status).toBe(200);
    },
  );
});
