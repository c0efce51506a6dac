// First requests of chat pages, editors and agents, in the shapes that their source code sends. Each request is either accepted,
// with a header that names the fields without effect, or is a 400 that names the fields that would change the answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { idOf, MODEL, type Room, say, startRoom, tokenizer } from '../harness.ts';

type Body = Record<string, unknown>;

interface Shape {
  /** The client that sends the request, and when or how it does so. */
  client: string;
  /** Default: `/v1/chat/completions`. */
  path?: string;
  body: Body;
  /** Names in the header of fields without effect, in alphabetical order. Default: none. */
  noEffect?: string[];
  /** Fields that the 400 names, in the order of the error. Absent: the request is accepted. */
  refused?: string[];
  /** Text of the client that the prompt must contain. */
  prompt?: string;
  /** Text that the prompt must end with. */
  ending?: string;
  /** Texts that the answer must contain. */
  told?: string[];
}

const system = { role: 'system', content: 'You help.' };
const user = { role: 'user', content: 'Look around.' };
const usage = { stream: true, stream_options: { include_usage: true } };

const path = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };
const tool = (name: string, parameters: unknown = path, more: object = {}) => ({
  type: 'function',
  function: { name, description: `Does ${name}.`, parameters, ...more },
});
const calls = [{ id: 'call_1', type: 'function', function: { name: 'read', arguments: '{"path":"a.txt"}' } }];
const result = { role: 'tool', tool_call_id: 'call_1', content: 'The file is empty.' };

const shapes: Shape[] = [
  {
    client: 'Zed, first turn: a tool without arguments has null as description and parameters',
    body: {
      ...{ messages: [system, user], ...usage, max_completion_tokens: 32, temperature: 1 },
      tools: [
        tool('read'),
        { type: 'function', function: { name: 'now', description: null, parameters: null } },
      ],
      ...{
        tool_choice: 'auto',
        parallel_tool_calls: false,
        prompt_cache_key: 'thread-1',
        reasoning_effort: null,
      },
    },
    prompt: 'Does read.',
  },
  {
    client: 'Zed, after a call: a message with two text parts',
    body: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Read it.' },
            { type: 'text', text: 'Please.' },
          ],
        },
        { role: 'assistant', content: null, tool_calls: calls },
        result,
      ],
      ...{ stream: true, max_completion_tokens: 32 },
    },
    prompt: 'The file is empty.',
  },
  {
    client: 'Cline, first turn',
    body: {
      messages: [system, { role: 'user', content: [{ type: 'text', text: '<task>Look around.</task>' }] }],
      ...{ ...usage, temperature: 0 },
    },
    prompt: '<task>Look around.</task>',
  },
  {
    client: 'GitHub Copilot with the user’s own API key',
    body: {
      ...{ messages: [system, user], ...usage, temperature: 0.1, top_p: 1, n: 1, max_tokens: 64 },
      ...{ tools: [tool('read')], tool_choice: 'auto' },
    },
  },
  {
    client: 'LobeChat with a plugin: the name of the tool contains four underscores in a row',
    body: {
      ...{ messages: [system, user], ...usage, temperature: 1, top_p: 1 },
      ...{ frequency_penalty: 0, presence_penalty: 0 },
      tools: [
        tool('lobe-web-browsing____search____builtin', {
          type: 'object',
          properties: {
            query: { type: 'string', description: 'What to search for' },
            searchEngines: { type: 'array', items: { type: 'string', enum: ['bing', 'google'] } },
            searchTimeRange: { type: 'string', enum: ['anytime', 'day', 'week'] },
          },
          required: ['query'],
        }),
      ],
    },
    prompt: 'lobe-web-browsing____search____builtin',
  },
  { client: 'Open WebUI: a message', body: { stream: true, messages: [user] } },
  {
    client: 'Open WebUI: a request for a title',
    body: { messages: [user], stream: false, max_completion_tokens: 1000 },
  },
  {
    client: 'Open WebUI with every advanced parameter that OpenAI has',
    body: {
      ...{ messages: [system, user], stream: true, seed: 1, stop: ['###'], temperature: 0.8, max_tokens: 64 },
      ...{ top_p: 0.9, frequency_penalty: 0, presence_penalty: 0, logit_bias: {}, user: 'someone' },
    },
  },
  {
    client: 'Open WebUI with parameters of Ollama: the 400 names those that this server does not know',
    body: { messages: [user], stream: true, top_k: 40, min_p: 0, repeat_penalty: 1.1, num_ctx: 4096 },
    refused: ['repeat_penalty', 'num_ctx'],
  },
  {
    client: 'LibreChat, a message',
    body: {
      ...{ messages: [system, user], ...usage, user: '66f1a2', temperature: 1, top_p: 1 },
      ...{ presence_penalty: 0, frequency_penalty: 0 },
    },
  },
  {
    client: 'LibreChat: a title as the argument of a forced function call',
    body: {
      ...{ messages: [user], temperature: 0.2, presence_penalty: 0, frequency_penalty: 0, max_tokens: 64 },
      ...{ stream: false, tool_choice: { type: 'function', function: { name: 'output_formatter' } } },
      tools: [
        tool('output_formatter', {
          $schema: 'http://json-schema.org/draft-07/schema#',
          ...{ title: 'Title', type: 'object', required: ['title'], additionalProperties: false },
          properties: { title: { type: 'string', description: 'A short title' } },
        }),
      ],
    },
  },
  {
    client: 'Aider: examples are turns before the question',
    body: {
      messages: [
        system,
        { role: 'user', content: 'Change it.' },
        { role: 'assistant', content: 'Ok.' },
        { role: 'user', content: 'I switched to a new code base.' },
        { role: 'assistant', content: 'Ok.' },
        user,
      ],
      ...{ temperature: 0, stream: true },
    },
    prompt: 'I switched to a new code base.',
  },
  {
    client: 'Cursor, verifying a key',
    body: {
      messages: [
        { role: 'system', content: 'You are a test assistant.' },
        { role: 'user', content: 'Testing. Just say hi and nothing else.' },
      ],
    },
  },
  {
    client: 'Cursor, an agent',
    body: {
      ...{ messages: [system, user], ...usage, temperature: 1, user: 'google-oauth2|1' },
      ...{ tools: [tool('codebase_search')], tool_choice: 'auto' },
    },
  },
  {
    client: 'Cursor with a body of the Responses API at the path of chats: the 400 names every wrong field',
    body: { input: [user], stream: true, tools: [{ type: 'function', name: 'read', parameters: path }] },
    refused: ['tools[0].function', 'tools[0].name', 'tools[0].parameters', 'messages', 'input'],
  },
  {
    client: 'SillyTavern: stop and logit_bias are empty',
    body: {
      ...{ messages: [system, user], stream: true, temperature: 1, max_tokens: 64, top_p: 1, n: 1 },
      ...{ presence_penalty: 0, frequency_penalty: 0, stop: [], logit_bias: {}, seed: -1 },
    },
  },
  {
    client: 'n8n and Flowise, an agent by LangChain',
    body: {
      ...{ messages: [user], temperature: 0.7, top_p: 1, frequency_penalty: 0, presence_penalty: 0, n: 1 },
      ...{ stream: false, response_format: { type: 'text' } },
      tools: [
        tool('calculator', {
          $schema: 'http://json-schema.org/draft-07/schema#',
          ...{ type: 'object', properties: { input: { type: 'string' } }, additionalProperties: false },
        }),
      ],
    },
  },
  {
    client: 'Home Assistant with functions, the format that preceded tools: a 400 that names the fields',
    body: { messages: [user], functions: [{ name: 'f', parameters: path }], function_call: 'auto' },
    refused: ['functions', 'function_call'],
  },
  {
    client: 'AutoGen: messages have the names of agents',
    body: {
      messages: [
        { role: 'user', content: 'Begin.', name: 'chairman' },
        { role: 'assistant', content: 'I begin.', name: 'writer_1' },
        { role: 'user', content: 'Go on.', name: 'chairman' },
      ],
      stream: false,
    },
    prompt: 'I begin.',
  },
  { client: 'AnythingLLM', body: { stream: true, messages: [system, user], temperature: 0.7 } },
  {
    client: 'vLLM’s examples: template variables and special tokens',
    body: {
      ...{
        messages: [user],
        max_tokens: 16,
        skip_special_tokens: true,
        min_tokens: 0,
        repetition_penalty: 1.05,
      },
      ...{ chat_template_kwargs: { enable_thinking: false }, top_k: 20 },
    },
  },
  {
    client: 'Continue, completing code without infill',
    path: '/v1/completions',
    body: { prompt: 'def f(', suffix: '', max_tokens: 16, stream: true, temperature: 0.01, stop: ['\n\n'] },
    prompt: 'def f(',
  },
  {
    client: 'Continue, completing code with infill: a 400 that names the field',
    path: '/v1/completions',
    body: { prompt: 'def f(', suffix: '):', max_tokens: 16 },
    refused: ['suffix'],
  },
  {
    client: 'Zed with Anthropic’s API',
    path: '/v1/messages',
    body: {
      ...{
        max_tokens: 32,
        system: 'You help.',
        stream: true,
        thinking: null,
        stop_sequences: [],
        temperature: 1,
      },
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'Look around.', cache_control: { type: 'ephemeral' } }],
        },
      ],
      ...{
        tools: [{ name: 'read', description: 'Reads.', input_schema: path }],
        tool_choice: { type: 'auto' },
      },
      metadata: { user_id: null },
    },
    noEffect: ['cache_control'],
    prompt: 'Look around.',
  },
  {
    client: 'Cline with Anthropic’s API',
    path: '/v1/messages',
    body: {
      ...{ max_tokens: 32, temperature: 0, stream: true },
      system: [{ type: 'text', text: 'You help.', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'Look around.', cache_control: { type: 'ephemeral' } }],
        },
      ],
      tools: [{ name: 'read', input_schema: path }],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    },
    noEffect: ['cache_control'],
    prompt: 'You help.',
  },
  {
    client: 'Zed, after a call: the content is an empty list',
    body: {
      messages: [user, { role: 'assistant', content: [], tool_calls: calls }, result],
      ...{ stream: true, max_completion_tokens: 32 },
    },
    prompt: 'The file is empty.',
  },
  {
    client: 'Roo Code: cache hints, a strict tool, and a tool of an MCP server',
    body: {
      messages: [
        {
          role: 'system',
          content: [{ type: 'text', text: 'You help.', cache_control: { type: 'ephemeral' } }],
        },
        {
          role: 'user',
          content: [{ type: 'text', text: 'Look around.', cache_control: { type: 'ephemeral' } }],
        },
      ],
      ...{ ...usage, temperature: 0, tool_choice: 'auto', parallel_tool_calls: false },
      tools: [
        tool(
          'read_file',
          {
            ...{ type: 'object', required: ['path', 'line'], additionalProperties: false },
            properties: { path: { type: 'string' }, line: { type: ['integer', 'null'] } },
          },
          { strict: true },
        ),
        tool('mcp--files--read', path, { strict: false }),
      ],
    },
    noEffect: ['messages.content.cache_control'],
    prompt: 'Look around.',
  },
  {
    client: 'LiteLLM, for Aider with a cached prompt: cache hints also on a tool and a message',
    body: {
      messages: [
        {
          role: 'system',
          content: [{ type: 'text', text: 'You help.', cache_control: { type: 'ephemeral' } }],
        },
        { ...user, cache_control: { type: 'ephemeral', ttl: '1h' } },
      ],
      tools: [{ ...tool('read'), cache_control: { type: 'ephemeral' } }],
    },
    noEffect: ['messages.cache_control', 'messages.content.cache_control', 'tools.cache_control'],
  },
  {
    client: 'Cline and Kilo Code, second turn: the thinking of OpenRouter’s models is sent back',
    body: {
      messages: [
        user,
        {
          ...{ role: 'assistant', content: 'It is empty.', refusal: null, reasoning: 'A thought.' },
          reasoning_details: [
            { type: 'reasoning.text', text: 'A thought.', signature: null, format: 'unknown', index: 0 },
            {
              type: 'reasoning.encrypted',
              data: 'eA==',
              id: 'rs_1',
              format: 'openai-responses-v1',
              index: 1,
            },
          ],
        },
        user,
      ],
      ...usage,
    },
    prompt: 'It is empty.',
    noEffect: ['messages.reasoning_details'],
  },
  {
    client: 'Copilot and Zed: an edit with a prediction of its result',
    body: { messages: [user], prediction: { type: 'content', content: 'def f():' }, stream: true },
    noEffect: ['prediction'],
  },
  {
    client: 'scripts made from vLLM’s examples: fields with values that change nothing',
    body: {
      ...{ messages: [user], skip_special_tokens: true, spaces_between_special_tokens: true },
      ...{ add_special_tokens: false, length_penalty: 1, use_beam_search: false, echo: false },
    },
    noEffect: ['length_penalty', 'spaces_between_special_tokens'],
  },
  {
    client: 'the AI SDK and Copilot, turning thinking off for a model that cannot think',
    body: {
      messages: [user],
      reasoning_effort: 'none',
      verbosity: 'low',
      store: false,
      service_tier: 'auto',
    },
    noEffect: ['reasoning_effort', 'service_tier', 'store', 'verbosity'],
  },
  {
    client: 'GitHub Copilot: cache hints under Copilot’s own name',
    body: {
      messages: [
        {
          role: 'system',
          content: [{ type: 'text', text: 'You help.', copilot_cache_control: { type: 'ephemeral' } }],
        },
        { ...user, copilot_cache_control: { type: 'ephemeral' } },
      ],
      ...usage,
    },
    noEffect: ['messages.content.copilot_cache_control', 'messages.copilot_cache_control'],
    prompt: 'Look around.',
  },
  {
    client: 'scripts for Qwen’s models, turning thinking off for a model that cannot think',
    body: { messages: [user], enable_thinking: false },
    noEffect: ['enable_thinking'],
  },
  {
    client: 'Kilo Code for OpenRouter: OpenRouter’s field for the usage of a stream',
    body: { messages: [user], stream: true, usage: { include: true } },
    told: ['"usage":{"prompt_tokens":'],
  },
  {
    client: 'scripts for vLLM that set request_id',
    body: { messages: [user], request_id: 'job-17' },
    told: ['"id":"chatcmpl-job-17"', '"usage":{"prompt_tokens":'],
  },
  {
    client: 'Continue and DeepSeek’s examples: a message that is the beginning of the answer',
    body: {
      messages: [user, { role: 'assistant', content: '```py', prefix: true }],
      ...{ stop: ['```'], usage: { include: false } },
    },
    ending: '```py',
  },
  {
    client: 'Qwen Code over responses, turning thinking off for a model that cannot think',
    path: '/v1/responses',
    body: {
      input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Look around.' }] }],
      ...{ instructions: 'You help.', stream: true, store: false, parallel_tool_calls: true, tools: [] },
      ...{ include: ['reasoning.encrypted_content'], reasoning: { effort: 'none', summary: null } },
      ...{ text: { verbosity: 'low' }, truncation: 'auto', temperature: null, prompt_cache_key: 'session-1' },
    },
    noEffect: ['include.reasoning.encrypted_content', 'reasoning.effort', 'store', 'text.verbosity'],
    prompt: 'Look around.',
  },
];

let room: Room;
beforeAll(async () => {
  const reply = () => [...say('hello world'), idOf('<|end|>')];
  room = await startRoom({ chat: TOOL_TEMPLATE, context: 8192, reply });
});
afterAll(() => room.server.close(0));

const post = (to: string, body: Body) =>
  fetch(room.url + to, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(to === '/v1/messages' && { 'anthropic-version': '2023-06-01' }),
    },
    body: JSON.stringify({ model: MODEL, ...body }),
  });

/** The fields that an error of any API names. */
function fieldsOf(text: string): unknown[] {
  const { error } = JSON.parse(text) as {
    error: { param: string; details?: { fields: { param: string }[] } };
  };
  return error.details?.fields.map(({ param }) => param) ?? [error.param];
}

describe.each(shapes.map((shape) => [shape.client, shape] as const))('%s', (_, shape) => {
  const {
    path: to = '/v1/chat/completions',
    body,
    refused,
    noEffect = [],
    prompt = '',
    ending = '',
    told = [],
  } = shape;

  test(refused === undefined ? 'is answered' : 'is refused', async () => {
    const asked = room.engine.requests.length;
    const response = await post(to, body);
    const text = await response.text();
    if (refused !== undefined) {
      expect(response.status).toBe(400);
      expect(fieldsOf(text)).toEqual(refused);
      expect(room.engine.requests.length).toBe(asked);
      return;
    }
    expect(response.status, text).toBe(200);
    const names = response.headers.get('x-expertgrid-no-effect')?.split(', ') ?? [];
    expect(names.toSorted()).toEqual(noEffect);
    expect(response.headers.get('content-type')).toMatch(
      body.stream === true ? /^text\/event-stream/ : /json/,
    );
    const ids = [...(room.engine.requests.at(-1)?.prompt ?? [])];
    const asText = Buffer.concat(ids.map((id) => Buffer.from(tokenizer.bytes(id)))).toString();
    expect(asText).toContain(prompt);
    expect(asText.endsWith(ending)).toBe(true);
    for (const part of told) expect(text).toContain(part);
  });
});

describe('the list of models', () => {
  test.each([
    ['is sent to Open WebUI, which sends an empty key if it has none', { authorization: 'Bearer ' }],
    ['is sent to LobeChat, which sends a key although none is needed', { authorization: 'Bearer none' }],
    [
      'is sent to Cherry Studio, which sends OpenRouter’s headers',
      { 'http-referer': 'https://example.com', 'x-title': 'Chat' },
    ],
  ])('%s', async (_, headers) => {
    const response = await fetch(`${room.url}/v1/models`, { headers });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual([MODEL]);
  });
});
