// Makes broken requests for the HTTP API from valid ones, and checks the answers to them.
import { z } from 'zod';
import { namedEvents } from '../anthropic/named-events.ts';
import * as anthropic from '../anthropic/shapes.ts';
import * as openai from '../clients/openai-shapes.ts';
import * as responses from '../responses/shapes.ts';
import { honestRequests } from './fuzz-requests.ts';

/** A request's body as text, and the fields that were changed. */
export interface BrokenRequest {
  path: string;
  text: string;
  /** Names of the changed top-level fields. Undefined: the JSON text itself was changed. */
  fields: ReadonlySet<string> | undefined;
}

/** JSON that may have keys that occur twice, too large numbers and half characters. Each string and number is kept as its JSON text. */
type Json = string | Group;
interface Group {
  kind: 'array' | 'object';
  items: Item[];
}
interface Item {
  /** The name of the field, if the group is an object. */
  key: string;
  value: Json;
}
interface Place {
  group: Group;
  index: number;
  /** Name of the top-level field that contains the place. */
  root: string;
}

const long = 30_000;
const values = [
  ...[
    'null',
    'true',
    'false',
    '0',
    '-0',
    '-1',
    '1',
    '1.5',
    '1e308',
    '1e400',
    '-1e400',
    '2147483648',
    '1e-320',
  ],
  ...['9007199254740993', '""', '" "', '"NaN"', '"Infinity"', '"null"', '"0"', '"\\u0000"', '"\\ud800"'],
  ...[
    '"\\udc00x"',
    '"😀é"',
    '"\\u202e"',
    '"<|end|>"',
    '"<think>"',
    '"</think>"',
    '"<tool_call>\\n{\\"name\\""',
  ],
  ...[
    '"{{ messages }}{% for"',
    '"\\n\\ndata: [DONE]\\n\\n"',
    '"__proto__"',
    '"constructor"',
    '"(a+)+$"',
    '"a|*"',
  ],
  `"${Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i)).join('')}"`,
  ...["'a'", '<', 'a', ' ', '<|e', '\\\\', '\\ud800', 'hello '].map((part) => `"${part.repeat(long)}"`),
  ...['[]', '{}', '[[]]', '[null]', '[{}]', '[""]', '{"":{}}', '{"__proto__":{"polluted":true}}'],
  ...['{"constructor":{"prototype":{"polluted":true}}}', '{"type":"text"}', '{"type":"__proto__"}'],
  ...['{"$ref":"#"}', '{"type":"object","properties":{"a":{"$ref":"#"}}}', '{"pattern":"(x+x+)+y"}'],
  ...['0', '""', '{}', '[]', 'null', '{"type":"text","text":"a"}', '{"role":"user","content":"a"}'].map(
    (item) => `[${Array.from({ length: 3000 }, () => item).join(',')}]`,
  ),
  `{${Array.from({ length: 3000 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
  ...[90, 200, 20_000].flatMap((depth) => [
    '['.repeat(depth) + ']'.repeat(depth),
    `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
    `${'{"properties":{"a":'.repeat(depth)}{}${'}}'.repeat(depth)}`,
  ]),
];

const keys = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  'NaN',
  '\ud800',
  "a'b",
  '0',
  'n',
  'type',
];

/** `next` returns a random number from [0, 1). */
export function requestBreaker(next: () => number): () => BrokenRequest {
  const below = (limit: number) => Math.floor(next() * limit);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)]!;
  const honest = honestRequests.map(({ path, body }) => ({ path, body: parsed(body) }));
  const oddKey = () => (next() < 0.1 ? pick(['k', "'a'"]).repeat(long) : pick(keys));

  /** How often a value is repeated. Keeps a body below a few megabytes, even if a repeated part is repeated again. */
  const timesOf = (value: Json) => (written(value).length < 1_000 ? pick([20, 129, 1500]) : 3);

  /** Changes the item in this place. Returns the names of the top-level fields that it changes. */
  function meddle({ group: { kind, items }, index, root }: Place): string[] {
    const item = items[index]!;
    const put = (...values: Json[]) => {
      items.splice(index, 1, ...values.map((value) => ({ ...item, value })));
    };
    const renamed = (key: string) => [root === item.key ? key : root, root];
    const what = next();
    if (what < 0.12) put();
    else if (what < 0.18) put(item.value, clone(item.value));
    else if (what < 0.2) put(...Array.from({ length: timesOf(item.value) }, () => clone(item.value)));
    else if (what < 0.26) put({ kind: 'array', items: [item] });
    else if (what < 0.3) put({ kind: 'object', items: [{ key: oddKey(), value: item.value }] });
    else if (what < 0.36) put(clone(valueAt(pick(placesIn(pick(honest).body)))));
    else if (what < 0.43 && kind === 'object') {
      const key = oddKey();
      items.splice(below(items.length + 1), 0, { key, value: pick(values) });
      return renamed(key);
    } else if (what < 0.46 && kind === 'object') {
      const key = oddKey();
      items[index] = { key, value: item.value };
      return renamed(key);
    } else put(pick(values));
    return [root];
  }

  return () => {
    const { path, body } = pick(honest);
    const changed = clone(body);
    const fields = new Set<string>();
    for (let changes = next() < 0.7 ? 1 : 1 + below(4); changes > 0; changes--) {
      const places = placesIn(changed);
      if (places.length > 0) for (const name of meddle(pick(places))) fields.add(name);
    }
    const text = written(changed);
    if (next() > 0.04) return { path, text, fields };
    const at = below(text.length);
    const torn =
      text.slice(0, at) + pick(['', '"', '\0', '}', ',', '\\', '\u2028']) + text.slice(at + below(3));
    return { path, text: torn, fields: undefined };
  };
}

function parsed(value: unknown): Json {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const items = Object.entries(value).map(([key, item]) => ({ key, value: parsed(item) }));
  return { kind: Array.isArray(value) ? 'array' : 'object', items };
}

function clone(json: Json): Json {
  return structuredClone(json);
}

function valueAt({ group, index }: Place): Json {
  return group.items[index]!.value;
}

function placesIn(group: Json, root?: string): Place[] {
  if (typeof group === 'string') return [];
  return group.items.flatMap(({ key, value }, index) => {
    const place = { group, index, root: root ?? key };
    return [place, ...placesIn(value, place.root)];
  });
}

function written(json: Json): string {
  if (typeof json === 'string') return json;
  const values = json.items.map(({ value }) => written(value));
  if (json.kind === 'array') return `[${values.join(',')}]`;
  return `{${json.items.map(({ key }, i) => `${JSON.stringify(key)}:${values[i]}`).join(',')}}`;
}

export interface GivenAnswer {
  status: number;
  type: string;
  text: string;
}

/** Throws if an answer does not have the shape of its endpoint's answers, or if an error does not name a changed field. */
export function requireAnswer(request: BrokenRequest, { status, type, text }: GivenAnswer): void {
  const { path } = request;
  const fields = request.fields && told(request.fields);
  if (status === 200) {
    if (type.startsWith('text/event-stream')) requireStream(path, text);
    else shapes[path]!.parse(JSON.parse(text));
    return;
  }
  if (status !== 400 && status !== 404) throw new Error(`the status is ${status}: ${text.slice(0, 300)}`);
  const body: unknown = JSON.parse(text);
  if (path.startsWith('/v1/messages')) {
    const { type, message } = anthropic.error.parse(body).error;
    if (type !== (status === 404 ? 'not_found_error' : 'invalid_request_error')) throw new Error(type);
    if (fields !== undefined && !isNamed(message, fields))
      throw new Error(`no field: ${message.slice(0, 300)}`);
    return;
  }
  const { type: kind, code, param, message } = openai.error.parse(body).error;
  if (kind !== 'invalid_request_error') throw new Error(`the type is ${kind}`);
  if (fields === undefined || code === 'too_many_values' || code === null) return;
  const root = /^[^.[]*/.exec(param ?? '')?.[0] ?? '';
  if (root === '' && !fields.has('')) throw new Error(`no param: ${code} ${message.slice(0, 300)}`);
  if (fields.has(root) || ofSeveral.has(code)) return;
  throw new Error(`param ${param} is none of ${[...fields]}: ${code} ${message.slice(0, 300)}`);
}

/** Codes of faults of several fields together. The error names one of these fields, which may not be the changed one. */
const ofSeveral = new Set([
  'context_length_exceeded',
  'invalid_parameter_combination',
  'chat_template_error',
]);

/** For a changed field: other fields that the error may name instead. */
const besides: Record<string, readonly string[]> = {
  echo: ['max_tokens'],
  n: ['best_of'],
  max_tokens: ['min_tokens', 'thinking'],
  max_output_tokens: ['min_tokens'],
  tools: ['tool_choice'],
  // In Anthropic's API, messages may define tools.
  messages: ['prompt', 'tools'],
};

/** The names that errors may have for these fields. Errors cut long names and replace lone surrogates in them. */
function told(fields: ReadonlySet<string>): ReadonlySet<string> {
  return new Set(
    [...fields].flatMap((field) => [
      field.slice(0, 200).toWellFormed(),
      ...(Object.hasOwn(besides, field) ? besides[field]! : []),
    ]),
  );
}

/** Anthropic's errors have no `param`, so only the message can name the field. */
function isNamed(message: string, fields: ReadonlySet<string>): boolean {
  if (/maximum context length|chat template|only allowed|more than 50000 values|The model '/.test(message))
    return true;
  return [...fields].some((field) => message.includes(`'${field}`));
}

const shapes: Record<string, z.ZodType> = {
  '/v1/completions': openai.completion,
  '/v1/chat/completions': openai.chatCompletion,
  '/v1/responses': responses.response,
  '/v1/responses/input_tokens': responses.counted,
  '/v1/messages': anthropic.message,
  '/v1/messages/count_tokens': anthropic.counted,
  '/tokenize': z.strictObject({
    count: z.int().min(0),
    max_model_len: z.int().min(1),
    tokens: z.array(z.int().min(0)),
    token_strs: z.array(z.string()).nullable(),
  }),
  '/detokenize': z.strictObject({ prompt: z.string() }),
};

function requireStream(path: string, text: string): void {
  if (path === '/v1/responses') {
    const events = namedEvents(text, responses.event);
    if (!/^response\.(completed|incomplete)$/.test(events.at(-1)?.type ?? ''))
      throw new Error('the response does not end');
  } else if (path === '/v1/messages') {
    const events = namedEvents(text, anthropic.event);
    if (events.at(-1)?.type !== 'message_stop') throw new Error('the message does not end');
    if (events.some((event) => event.type === 'error')) throw new Error('the message fails');
  } else {
    const blocks = text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
    if (blocks.pop() !== 'data: [DONE]') throw new Error('the stream does not end');
    const shape = path === '/v1/completions' ? openai.completionChunk : openai.chatChunk;
    const ended = blocks.flatMap((block) => {
      const { choices } = shape.parse(JSON.parse(block.slice('data: '.length)));
      return choices.filter((choice) => choice.finish_reason !== null).map(({ index }) => index);
    });
    const indices = ended.toSorted((a, b) => a - b);
    if (indices.length === 0 || indices.some((index, i) => index !== i))
      throw new Error(`each choice must end once, but these ended: ${ended}`);
  }
}
