// Gateways over nano in this thread, each with its own engine and caches, for tests of records.
import pino from 'pino';
import { createApi } from '../../../gateway/api/app.ts';
import type { App } from '../../../gateway/api/serve.ts';
import type { ApiOptions, ModelOptions } from '../../../gateway/api/shared.ts';
import { compileTemplate } from '../../../gateway/api/text/template.ts';
import { loadTextSide, type TextSide } from '../../../gateway/api/text/text-side.ts';
import { Constraints } from '../../../gateway/constraints/masks/constraints.ts';
import { vocabularyData } from '../../../gateway/constraints/vocabulary.ts';
import type { EngineClient } from '../../../gateway/engine/messages.ts';
import { startTinyEngine, type TinyEngineOptions } from '../engines/tiny-engine.ts';
import { nano, nanoConfig } from '../models/nano.ts';
import { SECRET } from './signed.ts';

export interface NanoGateway {
  app: App;
  close(): Promise<void>;
}

/** Ends within the thinking, so that the whole answer up to `</think>` is thinking. */
const THINKING_TEMPLATE =
  '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}' +
  '{% if add_generation_prompt %}assistant: <think>\n{% endif %}{# </think> #}';

/** Writes the time into the prompt. */
const DATED_TEMPLATE =
  "{{ strftime_now('%H:%M') }}\n{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}" +
  '{% if add_generation_prompt %}assistant:{% endif %}';

/** Nano as `nano`, as `thinker` with a chat template for thinking, and as `dated` with a template that writes the time. */
export function nanoModels(text: TextSide, engine: EngineClient): ModelOptions[] {
  const [thinking, dated] = [THINKING_TEMPLATE, DATED_TEMPLATE].map((source) =>
    compileTemplate(source, { bos: '', eos: '' }),
  );
  const created = 1_700_000_000;
  return [
    { ...text, engine, model: { id: 'nano', created } },
    { ...text, template: thinking, engine, model: { id: 'thinker', created } },
    { ...text, template: dated, engine, model: { id: 'dated', created } },
  ];
}

/** Serves the models of `nanoModels`. */
export async function startNanoGateway(
  options: Partial<TinyEngineOptions> = {},
  api: Partial<ApiOptions> = {},
): Promise<NanoGateway> {
  const text = await loadTextSide(nano);
  const { tokenizer } = text;
  const { vocab } = await nanoConfig();
  const vocabulary = vocabularyData(vocab, (id) => tokenizer.bytes(id));
  const { engine, close } = await startTinyEngine({
    bundle: nano,
    threads: 1,
    constraints: new Constraints(vocabulary),
    ...options,
  });
  const app = createApi({
    models: nanoModels(text, engine),
    callerSecrets: () => [SECRET],
    logger: pino({ level: 'silent' }),
    ...api,
  });
  return { app, close };
}

const weather = {
  name: 'weather',
  description: 'The weather of a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 12 }, days: { type: 'integer' } },
    required: ['city', 'days'],
    additionalProperties: false,
  },
};
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 16 },
    ages: { type: 'array', items: { type: 'integer' }, maxItems: 3 },
  },
  required: ['name', 'ages'],
  additionalProperties: false,
};
const user = (content: string) => [{ role: 'user', content }];
const usage = { stream_options: { include_usage: true } };
const chat = '/v1/chat/completions';

/** A streamed request of each kind. */
export const requests: readonly { name: string; path: string; body: Record<string, unknown> }[] = [
  {
    name: 'a text',
    path: '/v1/completions',
    body: { prompt: 'Once upon a time', max_tokens: 24, temperature: 0.9, seed: 5, ...usage },
  },
  {
    name: 'a text of a drawn seed',
    path: '/v1/completions',
    body: { prompt: 'The sea', max_tokens: 12, temperature: 1.2 },
  },
  {
    name: 'three choices',
    path: '/v1/completions',
    body: { prompt: 'He said', n: 3, max_tokens: 10, temperature: 1, seed: 1, ...usage },
  },
  {
    name: 'two prompts',
    path: '/v1/completions',
    body: {
      prompt: ['One', 'Two and'],
      n: 2,
      max_tokens: 6,
      temperature: 1,
      seed: 2,
      return_token_ids: true,
    },
  },
  {
    name: 'log-probabilities',
    path: '/v1/completions',
    body: { prompt: 'It was', logprobs: 3, max_tokens: 12, temperature: 0 },
  },
  {
    name: 'an echo',
    path: '/v1/completions',
    body: { prompt: 'The old man', echo: true, logprobs: 2, n: 2, max_tokens: 8, temperature: 1, seed: 3 },
  },
  {
    name: 'stop strings',
    path: '/v1/completions',
    body: {
      prompt: 'And then',
      stop: [' the lamp', 'zq', 'e s'],
      logprobs: 1,
      max_tokens: 40,
      temperature: 1,
      seed: 11,
    },
  },
  {
    name: 'penalties',
    path: '/v1/completions',
    body: {
      prompt: 'a a a a',
      max_tokens: 16,
      temperature: 0.8,
      seed: 7,
      repetition_penalty: 1.3,
      presence_penalty: 0.5,
      frequency_penalty: 0.4,
      min_tokens: 10,
      logit_bias: { 30: 4 },
      expertgrid: { digests: true, routes: true },
    },
  },
  {
    name: 'two experts for each token',
    path: '/v1/completions',
    body: {
      prompt: 'The old man',
      max_tokens: 14,
      temperature: 0.7,
      seed: 12,
      expertgrid: { experts_per_token: 2, routes: true },
      ...usage,
    },
  },
  {
    name: 'a chat with a budget of calls',
    path: chat,
    body: {
      messages: user('The sea'),
      max_tokens: 14,
      temperature: 0.7,
      seed: 13,
      expertgrid: { expert_budget: 12, expert_policy: 'unsure' },
    },
  },
  {
    name: 'a chat',
    path: chat,
    body: { messages: user('Hello, who are you?'), max_tokens: 20, temperature: 0, ...usage },
  },
  {
    name: 'a chat with log-probabilities',
    path: chat,
    body: {
      messages: user('Tell me'),
      n: 2,
      logprobs: true,
      top_logprobs: 2,
      max_tokens: 10,
      temperature: 1,
      seed: 4,
      stop: ['. '],
    },
  },
  {
    name: 'a chat with the usage so far',
    path: chat,
    body: {
      messages: user('Hi'),
      max_tokens: 9,
      temperature: 0,
      stream_options: { include_usage: true, continuous_usage_stats: true },
    },
  },
  {
    name: 'tool calls',
    path: chat,
    body: {
      messages: user('Weather in Bonn?'),
      tools: [{ type: 'function', function: weather }],
      tool_choice: 'required',
      max_tokens: 120,
      temperature: 1,
      seed: 6,
      logprobs: true,
    },
  },
  {
    name: 'a schema',
    path: chat,
    body: {
      messages: user('A person'),
      response_format: { type: 'json_schema', json_schema: { name: 'person', schema } },
      max_tokens: 80,
      temperature: 1,
      seed: 8,
    },
  },
  {
    name: 'thinking',
    path: chat,
    body: {
      model: 'thinker',
      messages: user('Why?'),
      max_thinking_tokens: 10,
      max_tokens: 24,
      temperature: 1,
      seed: 9,
      logprobs: true,
      ...usage,
    },
  },
  {
    name: 'a response',
    path: '/v1/responses',
    body: {
      input: 'Good morning',
      max_output_tokens: 16,
      temperature: 0.7,
      include: ['message.output_text.logprobs'],
      top_logprobs: 1,
    },
  },
  {
    name: 'a response with thinking',
    path: '/v1/responses',
    body: { model: 'thinker', input: 'Why?', max_output_tokens: 20, temperature: 1 },
  },
  {
    name: 'a response with a call',
    path: '/v1/responses',
    body: {
      input: 'Weather?',
      tools: [{ type: 'function', ...weather, strict: true }],
      tool_choice: 'required',
      max_output_tokens: 120,
    },
  },
  {
    name: 'a message',
    path: '/v1/messages',
    body: { messages: user('Good evening'), max_tokens: 16, temperature: 1, stop_sequences: [' the'] },
  },
  {
    name: 'a message with a call',
    path: '/v1/messages',
    body: {
      messages: user('Weather?'),
      tools: [{ name: 'weather', input_schema: weather.parameters }],
      tool_choice: { type: 'any' },
      max_tokens: 120,
    },
  },
];
