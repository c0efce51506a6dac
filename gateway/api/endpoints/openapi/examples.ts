// Examples of requests and answers for the API's description. Requests are sent by the tests, answers held against their schemas.

export const goodMorning = [{ role: 'user', content: 'Good morning.' }];

const weather = {
  type: 'object',
  properties: { sunny: { type: 'boolean' } },
  required: ['sunny'],
  additionalProperties: false,
};
const city = {
  type: 'object',
  properties: { city: { enum: ['Bonn', 'Rome'] } },
  required: ['city'],
  additionalProperties: false,
};
const askWeather = [{ role: 'user', content: 'What will the weather be in Bonn?' }];

export const completionRequests = {
  'A text': { model: 'nano', prompt: 'The old man', max_tokens: 16 },
  'A stream with a seed': {
    ...{ model: 'nano', prompt: 'The old man', max_tokens: 16 },
    ...{ seed: 7, stream: true, stream_options: { include_usage: true } },
  },
  'How likely a text is': { model: 'nano', prompt: 'The old man', max_tokens: 0, echo: true, logprobs: 1 },
  'The experts of each token': {
    ...{ model: 'nano', prompt: 'The old man', max_tokens: 4 },
    expertgrid: { routes: true },
  },
};

export const chatRequests = {
  'An answer': { model: 'nano', messages: goodMorning, max_tokens: 16 },
  'A stream': { model: 'nano', messages: goodMorning, max_tokens: 16, stream: true },
  'JSON by a schema': {
    ...{ model: 'nano', messages: askWeather, max_tokens: 40 },
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'weather', strict: true, schema: weather },
    },
  },
  'A tool': {
    ...{ model: 'nano', messages: askWeather, max_tokens: 60, tool_choice: 'required' },
    tools: [{ type: 'function', function: { name: 'forecast', strict: true, parameters: city } }],
  },
};

const usage = { prompt_tokens: 3, completion_tokens: 16, total_tokens: 19 };
const answered = { created: 1_790_000_000, model: 'nano', system_fingerprint: 'fp_3f2a9c51d07e', usage };

export const completion = {
  ...{ id: 'cmpl-6c1f', object: 'text_completion', ...answered },
  choices: [
    {
      index: 0,
      text: ' sat by the window and looked out at the rain',
      finish_reason: 'length',
      logprobs: null,
    },
  ],
  expertgrid: { seed: 7 },
};

const answer = { role: 'assistant', content: 'Good morning to you.', refusal: null };
export const chat = {
  ...{ id: 'chatcmpl-91d4', object: 'chat.completion', ...answered },
  choices: [{ index: 0, message: answer, finish_reason: 'stop', logprobs: null }],
  expertgrid: { seed: 7 },
};

export const response = {
  ...{ id: 'resp_5be0', object: 'response', created_at: 1_790_000_000, status: 'completed', error: null },
  ...{ incomplete_details: null, model: 'nano' },
  output: [
    {
      ...{ id: 'msg_5be1', type: 'message', role: 'assistant', status: 'completed' },
      content: [{ type: 'output_text', text: 'Good morning to you.', annotations: [] }],
    },
  ],
  usage: { input_tokens: 9, output_tokens: 6, total_tokens: 15 },
  expertgrid: { seed: 7 },
};

export const message = {
  ...{ id: 'msg_77ac', type: 'message', role: 'assistant', model: 'nano' },
  content: [{ type: 'text', text: 'Good morning to you.' }],
  ...{ stop_reason: 'end_turn', stop_sequence: null },
  usage: { input_tokens: 9, output_tokens: 6, cache_read_input_tokens: 0 },
  expertgrid: { seed: 7 },
};

export const inputTokens = { object: 'response.input_tokens', input_tokens: 9 };
export const tokens = { count: 3, max_model_len: 2_048, tokens: [412, 1_020, 287], token_strs: null };
export const tokenizerInfo = {
  ...{ tokenizer_class: 'PreTrainedTokenizerFast', bos_token: '<|endoftext|>', eos_token: '<|endoftext|>' },
  chat_template: null,
};

export const model = {
  ...{ id: 'nano', object: 'model', created: 1_790_000_000, owned_by: 'expertgrid' },
  ...{ root: 'nano', parent: null, max_model_len: 2_048, context_length: 2_048 },
  expertgrid: {
    ...{ layers: 6, experts: 96, experts_per_token: [1, 1, 1, 1, 1, 1] },
    ...{ bits: 8, parameters: 23_000_000, active_parameters: 5_000_000 },
  },
};

export const ready = { status: 'ready', missing: [] };

const stretch = (step: number, start: number) => ({
  ...{ step, start },
  series: {
    ...{ requests: [2], errors: [0], refused: [0], prompt_tokens: [24], generated_tokens: [310] },
    ...{ first_token_median: [0.041], first_token_p95: [0.092] },
    ...{ next_token_median: [0.006], next_token_p95: [0.011] },
    ...{ running: [2], waiting: [0], kv_used: [0.03] },
  },
});
export const history = {
  ...{ object: 'history', version: '0.1.0', started: 1_790_000_000, now: 1_790_003_600 },
  totals: { requests: 4_120, errors: 0, refused: 3 },
  ...{ seconds: stretch(1, 1_790_003_599), minutes: stretch(60, 1_790_003_520) },
};

export const shards = {
  ...{
    object: 'list',
    ready: true,
    without_replica: [{ layer: 0, experts: '0-23' }],
    memory_bytes: 157_286_400,
  },
  data: [
    {
      ...{ address: '127.0.0.1:7001', state: 'available', since: 1_790_000_002, standby: false },
      ...{ units: 144, experts: '0-23', numerics_class: 'cpu-1', weight_bytes: 6_291_456 },
      ...{ memory_bytes: 75_497_472 },
      ...{
        in_flight: 0,
        expected_ms: 0.31,
        calls: 5_120,
        rows: 6_044,
        failures: 0,
        timeouts: 0,
        reconnects: 0,
        unresponsive: 0,
      },
      ...{ cordons: 0, bans: 0, golden_rows: 144, bytes_sent: 6_189_056, bytes_received: 6_189_056 },
    },
  ],
};
export const drained = { address: '127.0.0.1:7001', safe_to_delete: true, answered: 5_120, in_flight: 0 };

export const heat = {
  ...{ object: 'experts.heat', model: 'sha256:2a7c', layers: 1, experts: 4, half_life_seconds: 600 },
  ...{ counts: [[4.1, 0, 12.7, 1]], totals: [[5, 0, 15, 1]], steps: [{ rows: 1, count: 21 }] },
};
