// First requests of chat pages, editors and agents that speak our APIs, in the shapes that their sources send: accepted with what
// the header must name, or refused by the names of the fields that would change the answer. One room serves all of them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { idOf, MODEL, type Room, say, startRoom, tokenizer } from '../harness.ts';

type Body = Record<string, unknown>;

interface Shape {
  /** Who sends it, and when. */
  client: string;
  /** `/v1/chat/completions` unless given. */
  path?: string;
  body: Body;
  /** Names in the header of fields without effect, in the order of letters; none unless given. */
  noEffect?: string[];
  /** Fields that a 400 names, in order; accepted unless given. */
  refused?: string[];
  /** Text that the prompt must hold: what the client wrote has arrived. */
  prompt?: string;
  /** Text that the prompt must end with. */
  ending?: string;
  /** Text that the answer must hold. */
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
    client: 'Zed, first turn: a tool that takes nothing has null for its description and parameters',
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
    client: 'Zed, after a call: two texts in a message',
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
    client: 'GitHub Copilot with a key of one’s own',
    body: {
      ...{ messages: [system, user], ...usage, temperature: 0.1, top_p: 1, n: 1, max_tokens: 64 },
      ...{ tools: [tool('read')], tool_choice: 'auto' },
    },
  },
  {
    client: 'LobeChat with a plugin, whose name joins its parts by underscores',
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
  { client: 'Open WebUI, a message', body: { stream: true, messages: [user] } },
  {
    client: 'Open WebUI, a title',
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
    client: 'Open WebUI with parameters of Ollama: what samples otherwise is refused by name',
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
    client: 'LibreChat, a title by a forced function',
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
    client: 'Aider: examples as turns before the question',
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
    client: 'Cursor with a body of the Responses API at the chat’s path: refused by every name that is wrong',
    body: { input: [user], stream: true, tools: [{ type: 'function', name: 'read', parameters: path }] },
    refused: ['tools[0].function', 'tools[0].name', 'tools[0].parameters', 'messages', 'input'],
  },
  {
    client: 'SillyTavern: stop and bias are there, and empty',
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
    client: 'Home Assistant with functions, as before tools: refused by name',
    body: { messages: [user], functions: [{ name: 'f', parameters: path }], function_call: 'auto' },
    refused: ['functions', 'function_call'],
  },
  {
    client: 'AutoGen: agents by name',
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
    client: 'Continue, completing code with infill: refused by name',
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
    client: 'Zed, after a call: an empty list for no content',
    body: {
      messages: [user, { role: 'assistant', content: [], tool_calls: calls }, result],
      ...{ stream: true, max_completion_tokens: 32 },
    },
    prompt: 'The file is empty.',
  },
  {
    client: 'Roo Code: marks for a cache, a strict tool and one of an MCP server',
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
    client: 'LiteLLM, for Aider with a cached prompt: marks on the tool and on the message too',
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
    client: 'Cline and Kilo Code, second turn with what OpenRouter’s models thought',
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
    client: 'Copilot and Zed, an edit whose outcome they predict',
    body: { messages: [user], prediction: { type: 'content', content: 'def f():' }, stream: true },
    noEffect: ['prediction'],
  },
  {
    client: 'scripts made from vLLM’s examples: fields at the values that change nothing',
    body: {
      ...{ messages: [user], skip_special_tokens: true, spaces_between_special_tokens: true },
      ...{ add_special_tokens: false, length_penalty: 1, use_beam_search: false, echo: false },
    },
    noEffect: ['length_penalty', 'spaces_between_special_tokens'],
  },
  {
    client: 'the AI SDK and Copilot, asking a model that cannot think not to think',
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
    client: 'GitHub Copilot: marks for a cache under a name of its own',
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
    client: 'scripts for Qwen’s models, asking a model that cannot think not to think',
    body: { messages: [user], enable_thinking: false },
    noEffect: ['enable_thinking'],
  },
  {
    client: 'Kilo Code by OpenRouter: usage wherever it may be',
    body: { messages: [user], stream: true, usage: { include: true } },
    told: ['"usage":{"prompt_tokens":'],
  },
  {
    client: 'scripts for vLLM that name the request',
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
    client: 'Qwen Code over responses, asking a model that cannot think not to think',
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

/** The names of an error's fields, whichever API it belongs to. */
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
    ['Open WebUI without a key, which sends an empty one', { authorization: 'Bearer ' }],
    ['LobeChat, with a key that nobody asks for', { authorization: 'Bearer none' }],
    [
      'Cherry Studio, with OpenRouter’s headers',
      { 'http-referer': 'https://example.com', 'x-title': 'Chat' },
    ],
  ])('%s', async (_, headers) => {
    const response = await fetch(`${room.url}/v1/models`, { headers });
    expect(response.status).toBe(200);
    expect(((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual([MODEL]);
  });
});
