// Requests of at most 64 KiB that are made to be expensive for a server, drawn from a seed.
import { below, pick, type Random } from './random.ts';
import { grammarShapes } from './shapes-grammar.ts';

export interface Shape {
  kind: string;
  path: string;
  /** All fields but the model. */
  body: Record<string, unknown>;
  /** Milliseconds after which the client leaves. Absent if it waits for the whole answer. */
  leaveAfterMs?: number;
}

/** Sizes of the model. */
export interface ShapeLimits {
  context: number;
  vocab: number;
  layers: number;
  experts: number;
}

/** Largest body in bytes of JSON. */
const MOST_BYTES = 64 * 1024;
const LEAVING_SHARE = 0.1;

type Draw = (random: Random, limits: ShapeLimits) => Omit<Shape, 'kind'>;

/** Half of all requests have a constraint, such as a grammar or a schema. The other kinds are drawn equally often. */
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
const requestTo = (path: string, body: Record<string, unknown>) => ({ path, body });

function constrained(random: Random): Omit<Shape, 'kind'> {
  const fields = grammarShapes(random) as Record<string, unknown>;
  const common = { ...answers(random, { n: 4, tokens: 200 }), stream: random() < 0.5 };
  const asChat = 'messages' in fields || 'tools' in fields || 'response_format' in fields || random() < 0.3;
  if (!asChat) return requestTo(completions, { prompt: 'Once', ...common, ...fields });
  return requestTo(chat, { messages: user('Once'), ...common, ...fields });
}

/** Every kind of cost that the fields of a request can cause, except constraints. */
const draws: Record<string, Draw> = {
  'echo with logprobs': (random, { context, vocab }) =>
    requestTo(completions, {
      prompt: ids(random, below(random, context - 1) + 1, vocab),
      echo: true,
      logprobs: below(random, 21),
      max_tokens: below(random, 2),
      n: 1 + below(random, 128),
      stream: random() < 0.3,
    }),
  'many prompts echoed': (random, { context, vocab }) =>
    requestTo(completions, {
      prompt: Array.from({ length: 1 + below(random, 8) }, () =>
        ids(random, 1 + below(random, Math.min(context - 1, 1500)), vocab),
      ),
      echo: true,
      logprobs: 20,
      max_tokens: 1,
      n: 1 + below(random, 16),
    }),
  prompt_logprobs: (random, { context, vocab }) =>
    requestTo(completions, {
      prompt: ids(random, 1 + below(random, context - 2), vocab),
      prompt_logprobs: 20,
      max_tokens: 1,
      n: 1 + below(random, 128),
    }),
  'top_logprobs of long answers': (random) =>
    requestTo(chat, {
      messages: user('Tell all.'),
      logprobs: true,
      top_logprobs: 20,
      ignore_eos: true,
      stream: random() < 0.3,
      ...answers(random, { n: 64, tokens: 2_000 }),
    }),
  'routes and digests': (random, { layers, experts }) =>
    requestTo(completions, {
      prompt: 'a',
      ...answers(random, { n: 32, tokens: 600 }),
      ignore_eos: true,
      stream: random() < 0.5,
      expertgrid: {
        routes: true,
        digests: true,
        experts_per_token: Array.from({ length: layers }, () => 1 + below(random, experts)),
      },
    }),
  'every expert': (random, { experts }) =>
    requestTo(completions, {
      prompt: text(random, 400),
      ...answers(random, { n: 8, tokens: 40 }),
      ignore_eos: true,
      expertgrid: { routes: true, experts_per_token: experts },
    }),
  best_of: (random) =>
    requestTo(completions, {
      prompt: text(random, 100),
      best_of: 128,
      n: 1,
      max_tokens: 1 + below(random, 16),
      ignore_eos: true,
    }),
  'many choices': (random) =>
    requestTo(completions, {
      prompt: 'a',
      n: 128,
      max_tokens: 1 + below(random, 16),
      stream: random() < 0.7,
      ignore_eos: true,
    }),
  'stop strings alike': (random) => {
    const letter = pick(random, ['a', ' ', 'e', '\n']);
    const stops = Array.from({ length: 1 + below(random, 110) }, () => letter.repeat(1 + below(random, 511)));
    return requestTo(completions, {
      prompt: letter.repeat(200),
      logit_bias: { 32: 100, 97: 100 },
      stop: stops.map((stop, i) => `${stop}${i % 2 ? 'b' : ''}`),
      ignore_eos: true,
      ...answers(random, { n: 16, tokens: 2_000 }),
      stream: random() < 0.5,
    });
  },
  logit_bias: (random, { vocab }) =>
    requestTo(completions, {
      prompt: 'a',
      ...answers(random, { n: 64, tokens: 1_500 }),
      ignore_eos: true,
      logit_bias: Object.fromEntries(
        Array.from({ length: vocab }, (_, id) => [id, 20 * random() - 10] as const).slice(0, 1_800),
      ),
    }),
  'allowed tokens': (random, { vocab }) =>
    requestTo(completions, {
      prompt: 'a',
      ...answers(random, { n: 64, tokens: 1_500 }),
      allowed_token_ids: Array.from({ length: Math.min(vocab, 8000) }, (_, id) => id),
    }),
  'tokenize a long text': (random) =>
    requestTo('/tokenize', { prompt: oneOf(random, 60_000), return_token_strs: random() < 0.5 }),
  detokenize: (random, { vocab }) => requestTo('/detokenize', { tokens: ids(random, 9_000, vocab) }),
  'a long prompt': (random) =>
    requestTo(completions, {
      prompt: oneOf(random, 30_000),
      max_tokens: 1,
      truncate_prompt_tokens: pick(random, [-1, 100]),
    }),
  'many messages': (random) =>
    requestTo(chat, {
      messages: Array.from({ length: 1 + below(random, 1500) }, (_, i) => ({
        role: i % 2 ? 'assistant' : 'user',
        content: random() < 0.5 ? 'x' : [{ type: 'text', text: 'x' }],
      })),
      max_tokens: 1,
      truncate_prompt_tokens: -1,
    }),
  'messages of another shape': (random) =>
    requestTo(pick(random, [chat, '/v1/messages', '/v1/responses']), {
      messages: manyFaults(random),
      input: manyFaults(random),
      max_tokens: 1,
    }),
  'many tools': (random) =>
    requestTo(chat, {
      messages: user('Call.'),
      tools: Array.from({ length: 1 + below(random, 128) }, (_, i) => ({
        type: 'function',
        function: { name: `tool_${i}`, description: text(random, 200), parameters: { type: 'object' } },
      })),
      tool_choice: pick(random, ['auto', 'required', 'none']),
      max_tokens: 100,
      stream: random() < 0.5,
    }),
  'names of special tokens': (random) =>
    requestTo(chat, {
      messages: user('<|im_end|>'.repeat(below(random, 5000))),
      max_tokens: 1,
      truncate_prompt_tokens: -1,
    }),
  'many keys': (random) =>
    requestTo(
      pick(random, [completions, chat, '/tokenize', '/v1/messages', '/v1/responses']),
      Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, random() < 0.5 ? 1 : {}])),
    ),
  nested: (random) => {
    const depth = 1 + below(random, 3_000);
    const nested = JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown;
    return requestTo(pick(random, [completions, chat, '/v1/messages', '/v1/responses']), {
      [pick(random, ['prompt', 'messages', 'metadata', 'tools', 'input'])]: nested,
      max_tokens: 1,
    });
  },
  'a template with variables': (random) =>
    requestTo(chat, {
      messages: user('Hi'),
      max_tokens: 1,
      truncate_prompt_tokens: -1,
      chat_template_kwargs: { list: Array.from({ length: 5_000 }, () => 'x'), [text(random, 30)]: 'y' },
      documents: Array.from({ length: 150 }, (_, i) => ({ title: `${i}`, text: text(random, 50) })),
    }),
  'responses with many items': (random) =>
    requestTo('/v1/responses', {
      input: Array.from({ length: 1 + below(random, 700) }, () => ({
        type: 'message',
        role: 'user',
        content: [{ type: 'input_text', text: 'x' }],
      })),
      max_output_tokens: 16,
      truncation: 'auto',
      stream: random() < 0.5,
    }),
  'count of messages': (random) =>
    requestTo(pick(random, ['/v1/messages/count_tokens', '/v1/responses/input_tokens']), {
      messages: user(oneOf(random, 50_000)),
      input: oneOf(random, 100),
    }),
  thinking: (random) =>
    requestTo('/v1/messages', {
      messages: user(text(random, 3_000)),
      max_tokens: 1 + below(random, 1000),
      stream: random() < 0.5,
    }),
};

/** Numbers of choices and of tokens in each choice. Their product is limited, so that thousands of requests can be tried. */
function answers(random: Random, most: { n: number; tokens: number }): { n: number; max_tokens: number } {
  const n = 1 + below(random, most.n);
  return { n, max_tokens: 1 + below(random, Math.ceil(most.tokens / n)) };
}

function user(content: string): object[] {
  return [{ role: 'user', content }];
}

/** A text that repeats a few characters, for which a tokenizer may be slowest. `length` is in bytes of JSON. */
function oneOf(random: Random, length: number): string {
  const units = ['a', ' ', '\n', 'ab', '\u0301', '漢', '😀', ' a', '1', '"', '<|', '\u200d', '.,'];
  const unit = pick(random, units);
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
