// Valid requests for every endpoint that takes a body, with every kind of field. The fuzz tests break these requests.
import { MODEL } from '../harness.ts';

export interface HonestRequest {
  path: string;
  body: Record<string, unknown>;
}

const city = {
  type: 'object',
  properties: {
    city: { type: 'string', enum: ['Bonn', 'Kiel'] },
    days: { type: 'array', items: { type: 'integer', minimum: 0, maximum: 9 }, maxItems: 3 },
  },
  required: ['city'],
  additionalProperties: false,
};
const conversation = [
  { role: 'system', content: 'Be brief.', name: 'house' },
  { role: 'user', content: [{ type: 'text', text: 'hello <|end|>' }] },
  {
    role: 'assistant',
    content: null,
    reasoning_content: 'hm',
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bonn"}' } }],
  },
  { role: 'tool', tool_call_id: 'c1', content: 'rain' },
  { role: 'user', content: 'and?' },
];
const hello = [{ role: 'user', content: 'hello' }];
const sampling = {
  temperature: 1.5,
  top_p: 0.9,
  top_k: 40,
  min_p: 0.1,
  seed: 7,
  presence_penalty: 0.5,
  frequency_penalty: -0.5,
  repetition_penalty: 1.1,
  logit_bias: { 65: -5 },
};
const idle = {
  user: 'u',
  metadata: { a: 'b' },
  store: true,
  service_tier: 'auto',
  safety_identifier: 's',
  prompt_cache_key: 'k',
  verbosity: 'low',
};
const ours = { degrade: 'none', experts_per_token: [1, 2], expert_capacity: 1.5 };

const completions = [
  { prompt: 'hello world', max_tokens: 5 },
  { prompt: ['hello', 'world'], max_tokens: 3, n: 2, best_of: 3, echo: true, logprobs: 2, suffix: null },
  { prompt: 'hello', best_of: 3, select: 'majority', select_answer: 'json:a', select_round: 1 },
  { prompt: [104, 105], max_tokens: 4, stream: true, stream_options: { include_usage: true } },
  { prompt: [[104], [105, 106]], echo: true, max_tokens: 0, logprobs: 1, return_token_ids: true },
  {
    ...{ prompt: 'hello', ...sampling, ...idle, stop: ['wor', 'xyz'], stop_token_ids: [260], min_tokens: 1 },
    ...{ include_stop_str_in_output: true, ignore_eos: true, priority: 3, cache_salt: 'salt', max_tokens: 4 },
    expertgrid: { ...ours, digests: true, routes: true },
  },
  {
    ...{ prompt: 'hello world', max_tokens: 3, max_completion_tokens: 3, stop: [''] },
    ...{ truncate_prompt_tokens: 2, prompt_logprobs: 1, allowed_token_ids: [104, 105] },
    ...{ skip_special_tokens: false, add_special_tokens: false },
  },
  { prompt: 'hello', guided_regex: '[a-c]{2,4}x?', max_tokens: 3, stream: true },
  { prompt: 'hello', guided_choice: ['yes', 'no'], max_tokens: 3 },
  { prompt: 'hello', guided_grammar: 'root ::= "a" | "b" root', max_tokens: 3 },
  { prompt: 'hello', guided_json: city, max_tokens: 3 },
  { prompt: 'hello', structured_outputs: { regex: 'a+' }, max_tokens: 3 },
];

const chatTools = [
  {
    type: 'function',
    function: { name: 'weather', description: 'Of a city.', parameters: city, strict: true },
  },
  { type: 'function', function: { name: 'time' } },
];
const format = { type: 'json_schema', json_schema: { name: 'out', schema: city, strict: true } };
const chats = [
  { messages: hello },
  {
    messages: [
      ...hello,
      {
        ...{ role: 'assistant', name: null, refusal: 'No.', reasoning: 'hm', annotations: [] },
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'b', role: 'assistant', cache_control: { type: 'ephemeral' } },
          { type: 'refusal', refusal: 'No.' },
        ],
        function_call: { name: 'f', arguments: '{}' },
      },
      { role: 'function', name: 'f', content: 'r' },
    ],
    ...{ prompt_logprobs: 1, truncate_prompt_tokens: -1, prediction: { type: 'content', content: 'b' } },
    ...{ stream_options: { include_obfuscation: true }, reasoning_effort: 'low', max_tokens: 3 },
  },
  { messages: conversation, tools: chatTools, parallel_tool_calls: false, max_completion_tokens: 40 },
  {
    messages: conversation,
    tools: chatTools,
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
  },
  { messages: hello, tools: chatTools, tool_choice: { type: 'function', function: { name: 'time' } } },
  {
    ...{ messages: hello, tools: chatTools },
    tool_choice: {
      type: 'allowed_tools',
      allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'time' } }] },
    },
  },
  { messages: hello, response_format: format, stream: true, n: 2 },
  { messages: hello, response_format: { type: 'json_object' }, logprobs: true, top_logprobs: 3 },
  {
    messages: hello,
    reasoning_effort: 'low',
    max_thinking_tokens: 9,
    chat_template_kwargs: { mood: 'glad' },
  },
  { messages: [...hello, { role: 'assistant', content: 'I am' }], continue_final_message: true },
  { messages: hello, ...sampling, ...idle, stop: 'x', max_tokens: 9, return_token_ids: true, documents: [] },
];

const responseTools = [
  { type: 'function', name: 'weather', description: 'w', parameters: city, strict: true },
];
const items = [
  { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
  { type: 'reasoning', id: 'rs_1', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }] },
  { role: 'assistant', content: [{ type: 'output_text', text: 'hi', annotations: [], logprobs: [] }] },
  {
    type: 'function_call',
    call_id: 'c1',
    name: 'weather',
    arguments: '{"city":"Bonn"}',
    status: 'completed',
  },
  { type: 'function_call_output', call_id: 'c1', output: 'rain' },
];
const responses: object[] = [
  { input: 'hello', instructions: 'Be brief.', max_output_tokens: 9 },
  { input: items, tools: responseTools, tool_choice: 'auto', parallel_tool_calls: true, stream: true },
  { input: items, tools: responseTools, tool_choice: { type: 'function', name: 'weather' } },
  {
    ...{ input: 'hello', tools: responseTools, stream: true },
    tool_choice: {
      type: 'allowed_tools',
      mode: 'required',
      tools: [{ type: 'function', name: 'weather' }],
    },
  },
  {
    ...{
      input: 'hello',
      text: { format: { type: 'json_schema', name: 'o', schema: city }, verbosity: 'low' },
    },
    ...{ include: ['message.output_text.logprobs'], top_logprobs: 2, stream: true },
  },
  {
    input: 'hello',
    reasoning: { effort: 'low', summary: 'auto' },
    metadata: { a: 'b' },
    user: 'u',
    store: false,
  },
  { input: 'hello', ...sampling, stop: ['x'], min_tokens: 1, expertgrid: ours, truncation: 'disabled' },
];

const toolsOfAgents = [
  {
    ...{ type: 'custom', name: 'patch', description: 'p' },
    format: {
      type: 'grammar',
      syntax: 'lark',
      definition: 'start: line+\nline: /[a-z]+/ LF\n%import common.LF',
    },
  },
  { type: 'namespace', name: 'files', description: 'f', tools: responseTools },
  { type: 'web_search', external_web_access: false },
];
const itemsOfAgents = [
  { type: 'message', id: 'msg_1', role: 'developer', content: [{ type: 'input_text', text: 'Work.' }] },
  { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'abc' },
  { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } },
  { type: 'custom_tool_call', call_id: 'c1', name: 'patch', input: 'a\n' },
  { type: 'custom_tool_call_output', call_id: 'c1', output: 'done' },
  { type: 'function_call', call_id: 'c2', name: 'weather', namespace: 'files', arguments: '{}' },
  { type: 'function_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'rain' }] },
  { type: 'shell_call', call_id: 'c3', action: { commands: ['ls'] } },
  { type: 'shell_call_output', call_id: 'c3', output: [{ stdout: 's', stderr: '' }] },
  { type: 'additional_tools', role: 'developer', tools: [{ type: 'function', name: 'late' }] },
];
responses.push(
  {
    ...{ input: itemsOfAgents, tools: toolsOfAgents, tool_choice: 'auto', stream: true, store: false },
    ...{ client_metadata: { session: 's' }, include: ['reasoning.encrypted_content'] },
  },
  {
    input: 'hello',
    tools: toolsOfAgents,
    tool_choice: { type: 'custom', name: 'patch' },
    truncation: 'auto',
  },
);
const inputTokens = [
  { input: itemsOfAgents, tools: toolsOfAgents, instructions: 'Be brief.', tool_choice: 'auto' },
  { input: 'hello', text: { format: { type: 'text' } }, reasoning: { summary: 'auto' } },
];

const messageTools = [
  { name: 'weather', description: 'w', input_schema: city, cache_control: { type: 'ephemeral' } },
];
const turns = [
  { role: 'user', content: [{ type: 'text', text: 'hello', cache_control: { type: 'ephemeral' } }] },
  {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'hm', signature: '' },
      { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', id: 't1', name: 'weather', input: { city: 'Bonn' } },
    ],
  },
  {
    role: 'user',
    content: [
      { type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'rain' }], is_error: false },
      { type: 'text', text: 'and?' },
    ],
  },
];
const messages: object[] = [
  { messages: hello, max_tokens: 9, system: 'Be brief.' },
  { messages: turns, max_tokens: 40, tools: messageTools, tool_choice: { type: 'auto' }, stream: true },
  {
    ...{ messages: turns, max_tokens: 40, tools: messageTools, system: [{ type: 'text', text: 's' }] },
    tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true },
  },
  { messages: hello, max_tokens: 40, thinking: { type: 'enabled', budget_tokens: 9 }, stream: true },
  { messages: hello, max_tokens: 9, thinking: { type: 'disabled' }, metadata: { user_id: 'u' }, top_k: 4 },
  {
    ...{ messages: hello, max_tokens: 9, stop_sequences: ['x'], temperature: 0.5, top_p: 0.5, stream: true },
    output_config: { format: { type: 'json_schema', schema: city } },
  },
];
const turnsOfAgents = [
  ...turns,
  {
    role: 'assistant',
    content: [
      { type: 'redacted_thinking', data: 'x' },
      { type: 'server_tool_use', id: 's1', name: 'web_search', input: { query: 'q' } },
      { type: 'web_search_tool_result', tool_use_id: 's1', content: [{ url: 'u', encrypted_content: 'x' }] },
      { type: 'text', text: 'Found.', citations: [{ type: 'char_location' }] },
      { type: 'fallback', from: { model: 'a' }, to: { model: 'b' } },
      { type: 'compaction', content: 'We met.' },
    ],
  },
  {
    role: 'user',
    content: [
      { type: 'document', source: { type: 'text', data: 'd' }, title: 't', citations: { enabled: false } },
      { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'd' }] } },
      { type: 'search_result', source: 's', title: 't', content: [{ type: 'text', text: 'd' }] },
    ],
  },
  {
    role: 'system',
    content: [
      { type: 'text', text: 'It is noon.', cache_control: { type: 'ephemeral', ttl: '1h', scope: 'global' } },
      { type: 'tool_addition', tool: { type: 'tool_definition', definition: messageTools[0] } },
      { type: 'tool_removal', tool: { type: 'tool_reference', name: 'late' } },
    ],
    clear_at: 'never',
    output_config: { effort: 'low' },
  },
];
const agents = {
  ...{ messages: turnsOfAgents, thinking: { type: 'adaptive', display: 'updates' }, betas: ['b'] },
  tools: [
    { type: 'web_search_20250305', name: 'web_search', max_uses: 3 },
    {
      name: 'late',
      input_schema: city,
      defer_loading: true,
      allowed_callers: ['direct'],
      input_examples: [{}],
    },
  ],
  output_config: { effort: 'high', task_budget: { type: 'tokens', total: 9 } },
  context_management: {
    edits: [
      { type: 'clear_thinking_20251015', keep: { type: 'thinking_turns', value: 3 } },
      { type: 'clear_tool_uses_20250919', trigger: { type: 'tool_uses', value: 9 } },
      { type: 'compact_20260112' },
    ],
  },
  ...{ fallbacks: 'default', speed: 'fast', diagnostics: { previous_message_id: 'm' }, inference_geo: 'eu' },
};
messages.push(
  { ...agents, max_tokens: 40, stream: true },
  { messages: [...hello, { role: 'assistant', content: 'I am' }], max_tokens: 9 },
);
const counts = [
  { messages: hello },
  { ...agents, compaction: { type: 'summarize' }, max_tokens: 9 },
  {
    messages: turns,
    tools: messageTools,
    tool_choice: { type: 'any' },
    system: 's',
    thinking: { type: 'adaptive' },
  },
];

const tokenize = [
  { prompt: 'hello', add_special_tokens: false, return_token_strs: true },
  { messages: conversation },
];
const detokenize = [{ tokens: [104, 105, 261] }];

const named = (path: string, bodies: readonly object[]): HonestRequest[] =>
  bodies.map((body) => ({ path, body: { model: MODEL, ...body } }));

export const honestRequests: readonly HonestRequest[] = [
  ...named('/v1/completions', completions),
  ...named('/v1/chat/completions', chats),
  ...named('/v1/responses', responses),
  ...named('/v1/responses/input_tokens', inputTokens),
  ...named('/v1/messages', messages),
  ...named('/v1/messages/count_tokens', counts),
  ...named('/tokenize', tokenize),
  ...named('/detokenize', detokenize),
];
