// Requests of at most 64 KB that are made to be expensive for a server, drawn from a seed.
import { below, pick, type Random } from './random.ts';
import { grammarShapes } from './shapes-grammar.ts';

export interface Shape {
  kind: string;
  path: string;
  /** Without `model`. */
  body: Record<string, unknown>;
  /** Milliseconds after which the caller leaves. Absent if it stays. */
  leaveAfterMs?: number;
}

export interface ShapeLimits {
  /** Of the model. */
  context: number;
  vocab: number;
  layers: number;
  experts: number;
}

/** Largest body, in bytes of JSON. */
export const MOST_BYTES = 64 * 1024;
const LEAVING_SHARE = 0.1;

type Draw = (random: Random, limits: ShapeLimits) => Omit<Shape, 'kind'>;

/** Each kind is drawn equally often; grammars and schemas are half of all. */
export function hostileShape(random: Random, limits: ShapeLimits): Shape {
  const kinds = Object.keys(draws);
  const kind = random() < 0.5 ? 'grammar' : pick(random, kinds);
  while (true) {
    const shape = kind === 'grammar' ? constrained(random) : draws[kind]!(random, limits);
    if (Buffer.byteLength(JSON.stringify(shape.body)) > MOST_BYTES) continue;
    const leaves = random() < LEAVING_SHARE;
    return { kind, ...shape, ...(leaves && { leaveAfterMs: below(random, 400) }) };
  }
}

const completions = '/v1/completions';
const chat = '/v1/chat/completions';

function constrained(random: Random): Omit<Shape, 'kind'> {
  const fields = grammarShapes(random) as Record<string, unknown>;
  const common = { ...answers(random, { n: 4, tokens: 200 }), stream: random() < 0.5 };
  const asChat = 'messages' in fields || 'tools' in fields || 'response_format' in fields || random() < 0.3;
  if (!asChat) return { path: completions, body: { prompt: 'Once', ...common, ...fields } };
  return { path: chat, body: { messages: user('Once'), ...common, ...fields } };
}

/** Every kind of cost that a request's fields can cause, except grammars. */
const draws: Record<string, Draw> = {
  'echo with logprobs': (random, { context, vocab }) => ({
    path: completions,
    body: {
      prompt: ids(random, below(random, context - 1) + 1, vocab),
      ...{ echo: true, logprobs: below(random, 21), max_tokens: below(random, 2) },
      ...{ n: 1 + below(random, 128), stream: random() < 0.3 },
    },
  }),
  'many prompts echoed': (random, { context, vocab }) => ({
    path: completions,
    body: {
      prompt: Array.from({ length: 1 + below(random, 8) }, () =>
        ids(random, 1 + below(random, Math.min(context - 1, 1500)), vocab),
      ),
      ...{ echo: true, logprobs: 20, max_tokens: 1, n: 1 + below(random, 16) },
    },
  }),
  prompt_logprobs: (random, { context, vocab }) => ({
    path: completions,
    body: {
      prompt: ids(random, 1 + below(random, context - 2), vocab),
      ...{ prompt_logprobs: 20, max_tokens: 1, n: 1 + below(random, 128) },
    },
  }),
  'top_logprobs of long answers': (random) => ({
    path: chat,
    body: {
      messages: user('Tell all.'),
      ...{ logprobs: true, top_logprobs: 20, ignore_eos: true, stream: random() < 0.3 },
      ...answers(random, { n: 64, tokens: 2_000 }),
    },
  }),
  'routes and digests': (random, { layers, experts }) => ({
    path: completions,
    body: {
      prompt: 'a',
      ...answers(random, { n: 32, tokens: 600 }),
      ...{ ignore_eos: true, stream: random() < 0.5 },
      expertgrid: {
        ...{ routes: true, digests: true },
        experts_per_token: Array.from({ length: layers }, () => 1 + below(random, experts)),
      },
    },
  }),
  'every expert': (random, { experts }) => ({
    path: completions,
    body: {
      prompt: text(random, 400),
      ...answers(random, { n: 8, tokens: 40 }),
      ignore_eos: true,
      expertgrid: { routes: true, experts_per_token: experts },
    },
  }),
  best_of: (random) => ({
    path: completions,
    body: {
      prompt: text(random, 100),
      best_of: 128,
      n: 1,
      max_tokens: 1 + below(random, 16),
      ignore_eos: true,
    },
  }),
  'many choices': (random) => ({
    path: completions,
    body: {
      prompt: 'a',
      n: 128,
      max_tokens: 1 + below(random, 16),
      stream: random() < 0.7,
      ignore_eos: true,
    },
  }),
  'stop strings alike': (random) => {
    const letter = pick(random, ['a', ' ', 'e', '\n']);
    const stops = Array.from({ length: 1 + below(random, 110) }, () => letter.repeat(1 + below(random, 511)));
    return {
      path: completions,
      body: {
        prompt: letter.repeat(200),
        logit_bias: { 32: 100, 97: 100 },
        ...{ stop: stops.map((stop, i) => `${stop}${i % 2 ? 'b' : ''}`), ignore_eos: true },
        ...answers(random, { n: 16, tokens: 2_000 }),
        stream: random() < 0.5,
      },
    };
  },
  logit_bias: (random, { vocab }) => ({
    path: completions,
    body: {
      prompt: 'a',
      ...answers(random, { n: 64, tokens: 1_500 }),
      ignore_eos: true,
      logit_bias: Object.fromEntries(
        Array.from({ length: vocab }, (_, id) => [id, 20 * random() - 10] as const).slice(0, 1_800),
      ),
    },
  }),
  'allowed tokens': (random, { vocab }) => ({
    path: completions,
    body: {
      prompt: 'a',
      ...answers(random, { n: 64, tokens: 1_500 }),
      allowed_token_ids: Array.from({ length: Math.min(vocab, 8000) }, (_, id) => id),
    },
  }),
  'tokenize a long text': (random) => ({
    path: '/tokenize',
    body: { prompt: oneOf(random, 60_000), return_token_strs: random() < 0.5 },
  }),
  detokenize: (random, { vocab }) => ({
    path: '/detokenize',
    body: { tokens: ids(random, 9_000, vocab) },
  }),
  'a long prompt': (random) => ({
    path: completions,
    body: { prompt: oneOf(random, 30_000), max_tokens: 1, truncate_prompt_tokens: pick(random, [-1, 100]) },
  }),
  'many messages': (random) => ({
    path: chat,
    body: {
      messages: Array.from({ length: 1 + below(random, 1500) }, (_, i) => ({
        role: i % 2 ? 'assistant' : 'user',
        content: random() < 0.5 ? 'x' : [{ type: 'text', text: 'x' }],
      })),
      ...{ max_tokens: 1, truncate_prompt_tokens: -1 },
    },
  }),
  'messages of another shape': (random) => ({
    path: pick(random, [chat, '/v1/messages', '/v1/responses']),
    body: {
      ...{ messages: manyFaults(random), input: manyFaults(random), max_tokens: 1 },
    },
  }),
  'many tools': (random) => ({
    path: chat,
    body: {
      messages: user('Call.'),
      tools: Array.from({ length: 1 + below(random, 128) }, (_, i) => ({
        type: 'function',
        function: { name: `tool_${i}`, description: text(random, 200), parameters: { type: 'object' } },
      })),
      ...{ tool_choice: pick(random, ['auto', 'required', 'none']), max_tokens: 100, stream: random() < 0.5 },
    },
  }),
  'names of special tokens': (random) => ({
    path: chat,
    body: {
      messages: user('<|im_end|>'.repeat(below(random, 5000))),
      max_tokens: 1,
      truncate_prompt_tokens: -1,
    },
  }),
  'many keys': (random) => ({
    path: pick(random, [completions, chat, '/tokenize', '/v1/messages', '/v1/responses']),
    body: Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, random() < 0.5 ? 1 : {}])),
  }),
  nested: (random) => {
    const depth = 1 + below(random, 3_000);
    const nested = JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
    return {
      path: pick(random, [completions, chat, '/v1/messages', '/v1/responses']),
      body: { [pick(random, ['prompt', 'messages', 'metadata', 'tools', 'input'])]: nested, max_tokens: 1 },
    };
  },
  'a template with variables': (random) => ({
    path: chat,
    body: {
      messages: user('Hi'),
      ...{ max_tokens: 1, truncate_prompt_tokens: -1 },
      chat_template_kwargs: { list: Array.from({ length: 5_000 }, () => 'x'), [text(random, 30)]: 'y' },
      documents: Array.from({ length: 150 }, (_, i) => ({ title: `${i}`, text: text(random, 50) })),
    },
  }),
  'responses with many items': (random) => ({
    path: '/v1/responses',
    body: {
      input: Array.from({ length: 1 + below(random, 700) }, () => ({
        ...{ type: 'message', role: 'user' },
        content: [{ type: 'input_text', text: 'x' }],
      })),
      ...{ max_output_tokens: 16, truncation: 'auto', stream: random() < 0.5 },
    },
  }),
  'count of messages': (random) => ({
    path: pick(random, ['/v1/messages/count_tokens', '/v1/responses/input_tokens']),
    body: { messages: user(oneOf(random, 50_000)), input: oneOf(random, 100) },
  }),
  thinking: (random) => ({
    path: '/v1/messages',
    body: {
      messages: user(text(random, 3_000)),
      max_tokens: 1 + below(random, 1000),
      stream: random() < 0.5,
    },
  }),
};

/**
 * Choices and tokens of each whose product is at most about `tokens`, because thousands of requests must be tried and the engine's time
 * is shared anyway.
 */
function answers(random: Random, most: { n: number; tokens: number }): { n: number; max_tokens: number } {
  const n = 1 + below(random, most.n);
  return { n, max_tokens: 1 + below(random, Math.ceil(most.tokens / n)) };
}

function user(content: string): object[] {
  return [{ role: 'user', content }];
}

/** A text on which a tokenizer may take its longest time. */
function oneOf(random: Random, length: number): string {
  const unit = pick(random, [
    'a',
    ' ',
    '\n',
    'ab',
    '\u0301',
    '漢',
    '😀',
    ' a',
    '1',
    '"',
    '<|',
    '\u200d',
    '.,',
  ]);
  return unit.repeat(Math.floor(length / Buffer.byteLength(JSON.stringify(unit).slice(1, -1))));
}

function manyFaults(random: Random): unknown[] {
  return Array.from({ length: 1_500 }, () => pick(random, [1, null, {}, [], { role: 'x' }, { content: {} }]));
}

function ids(random: Random, length: number, vocab: number): number[] {
  return Array.from({ length }, () => below(random, vocab));
}

function text(random: Random, length: number): string {
  let words = '';
  while (words.length < length) words += `${(random() * 2 ** 40).toString(36)} `;
  return words.slice(0, length);
}
