// Every field of chats and completions in the types of OpenAI's SDK, at every depth, is honoured, has no effect, or is a 400 that
// names it. If a newer SDK adds a field, these tables lack it and no longer compile.
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NO_EFFECT } from '../../../../gateway/api/requests/fields/no-effect.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, type Room, startRoom } from '../harness.ts';

/** `taken`: the field is honoured. `refused`: it is a 400. `-name`: it has no effect, and the header names it `name`. */
type Verdict = 'taken' | 'refused' | `-${string}`;
type Rows<Key extends PropertyKey> = Record<Key, [value: unknown, verdict: Verdict]>;
type Chat = OpenAI.Chat.ChatCompletionCreateParams;

let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 4_000, chat: TOOL_TEMPLATE });
});
afterAll(() => room.server.close(0));

const user = { role: 'user', content: 'hello' };
const definition = { name: 'f', description: 'd', parameters: { type: 'object' }, strict: true };
const tools = [{ type: 'function', function: definition }];
const mark = { mode: 'explicit', ttl: '30m' };

/** Sends a request, and returns the verdict on it. If the answer fits no verdict, returns its text. */
async function verdictOf(path: string, body: object, place: string): Promise<Verdict | string> {
  const init = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ model: MODEL, ...body }) };
  const answer = await fetch(room.url + path, init);
  const text = await answer.text();
  if (answer.status === 200) {
    const names = answer.headers.get(NO_EFFECT)?.split(', ') ?? [];
    return names.length === 0 ? 'taken' : `-${names.join(', ')}`;
  }
  const { param }: { param: string | null } = JSON.parse(text).error;
  return answer.status === 400 && param?.startsWith(place) ? 'refused' : text;
}

/** Checks each row of a table. `wrap` makes a request that contains the row. `place` is the path that the error must name. */
function checkAll<Key extends string>(
  what: string,
  table: Rows<Key>,
  wrap: (key: string, value: unknown) => object,
  place: (key: string) => string = (key) => key,
): void {
  const path = what.startsWith('completions') ? '/v1/completions' : '/v1/chat/completions';
  test.each(Object.entries<Rows<Key>[Key]>(table))(`${what}: %s`, async (key, [value, verdict]) => {
    expect(await verdictOf(path, wrap(key, value), place(key))).toBe(verdict);
  });
}

const shared: Rows<keyof OpenAI.CompletionCreateParams & keyof Chat> = {
  model: [MODEL, 'taken'],
  frequency_penalty: [1, 'taken'],
  logit_bias: [{ 5: 1 }, 'taken'],
  logprobs: [null, 'taken'],
  max_tokens: [3, 'taken'],
  n: [2, 'taken'],
  presence_penalty: [1, 'taken'],
  seed: [5, 'taken'],
  stop: ['x', 'taken'],
  stream: [true, 'taken'],
  stream_options: [null, 'taken'],
  temperature: [0, 'taken'],
  top_p: [0.5, 'taken'],
  user: ['u', 'taken'],
};

const ofChat: Rows<Exclude<keyof Chat, keyof typeof shared>> = {
  messages: [[user], 'taken'],
  audio: [{ voice: 'ash', format: 'mp3' }, 'refused'],
  function_call: ['auto', 'refused'],
  functions: [[definition], 'refused'],
  max_completion_tokens: [3, 'taken'],
  metadata: [{ a: 'b' }, '-metadata'],
  modalities: [['audio', 'text'], 'refused'],
  moderation: [{ model: 'omni' }, 'refused'],
  parallel_tool_calls: [false, 'taken'],
  prediction: [{ type: 'content', content: [{ type: 'text', text: 'x' }] }, '-prediction'],
  prompt_cache_key: ['k', 'taken'],
  prompt_cache_options: [{ mode: 'implicit', ttl: '30m' }, '-prompt_cache_options'],
  prompt_cache_retention: ['in_memory', '-prompt_cache_retention'],
  reasoning_effort: ['xhigh', '-reasoning_effort'],
  response_format: [{ type: 'json_object' }, 'taken'],
  safety_identifier: ['s', '-safety_identifier'],
  service_tier: ['fast', '-service_tier'],
  store: [true, '-store'],
  tool_choice: ['auto', 'taken'],
  tools: [tools, 'taken'],
  top_logprobs: [null, 'taken'],
  verbosity: ['low', '-verbosity'],
  web_search_options: [{}, 'refused'],
};

const ofCompletions: Rows<Exclude<keyof OpenAI.CompletionCreateParams, keyof typeof shared>> = {
  prompt: ['x', 'taken'],
  best_of: [2, 'taken'],
  echo: [true, 'taken'],
  suffix: ['x', 'refused'],
};

describe('fields of the request', () => {
  checkAll('chats', { ...shared, ...ofChat }, (key, value) => ({ messages: [user], [key]: value }));
  checkAll('completions', { ...shared, ...ofCompletions }, (key, value) => ({ prompt: 'x', [key]: value }));
});

const streamOptions: Rows<keyof OpenAI.Chat.ChatCompletionStreamOptions> = {
  include_obfuscation: [true, '-stream_options.include_obfuscation'],
  include_usage: [true, 'taken'],
};

const jsonSchema: Rows<keyof OpenAI.ResponseFormatJSONSchema['json_schema']> = {
  name: ['n', 'taken'],
  description: ['d', 'taken'],
  schema: [{ type: 'string' }, 'taken'],
  strict: [false, 'taken'],
};

describe('fields of its parts', () => {
  const at = (place: string) => (key: string) => `${place}.${key}`;
  const stream = (key: string, value: unknown) => ({ stream: true, stream_options: { [key]: value } });
  const ofStream = at('stream_options');
  checkAll('completions', streamOptions, (key, value) => ({ prompt: 'x', ...stream(key, value) }), ofStream);
  checkAll('chats', streamOptions, (key, value) => ({ messages: [user], ...stream(key, value) }), ofStream);
  checkAll('schemas', jsonSchema, (key, value) => {
    const json_schema = { name: 'n', schema: {}, [key]: value };
    return { messages: [user], response_format: { type: 'json_schema', json_schema } };
  });
});

type OfRole<Role extends string> = Exclude<
  keyof Extract<OpenAI.Chat.ChatCompletionMessageParam, { role: Role }>,
  'role'
>;
const said: [unknown, Verdict] = ['b', 'taken'];
const quiet: Rows<OfRole<'system'> & OfRole<'developer'> & OfRole<'user'>> = {
  content: said,
  name: ['n', 'taken'],
};
const assistant: Rows<OfRole<'assistant'> | Exclude<keyof OpenAI.Chat.ChatCompletionMessage, 'role'>> = {
  content: said,
  name: ['n', 'taken'],
  annotations: [[{ type: 'url_citation' }], '-messages.annotations'],
  audio: [{ id: 'a' }, 'refused'],
  function_call: [{ name: 'f', arguments: '{}' }, 'taken'],
  refusal: ['No.', 'taken'],
  tool_calls: [[{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }], 'taken'],
};
const called = { role: 'assistant', tool_calls: assistant.tool_calls[0] };
const toolResult: Rows<OfRole<'tool'>> = { content: said, tool_call_id: ['c', 'taken'] };
const functionResult: Rows<OfRole<'function'>> = { content: said, name: ['f', 'taken'] };
const functionCalled = { role: 'assistant', function_call: assistant.function_call[0] };

/** For each role: the rows, other fields that its message needs, and the message before it. */
const roles: Record<
  OpenAI.Chat.ChatCompletionRole,
  { rows: Rows<string>; message?: object; before?: object }
> = {
  system: { rows: quiet },
  developer: { rows: quiet },
  user: { rows: quiet },
  assistant: { rows: assistant },
  tool: { rows: toolResult, message: { tool_call_id: 'c' }, before: called },
  function: { rows: functionResult, message: { name: 'f' }, before: functionCalled },
};

describe('fields of messages', () => {
  for (const [role, { rows, message, before = user }] of Object.entries(roles)) {
    const wrap = (key: string, value: unknown) => {
      return { messages: [before, { role, content: 'b', ...message, [key]: value }, user] };
    };
    checkAll(role, rows, wrap, (key) => `messages[1].${key}`);
  }
});

type TypeOf<Union> = Union extends { type: infer Type extends string } ? Type : never;
type AnyPart =
  | Exclude<OpenAI.Chat.ChatCompletionUserMessageParam['content'], string>[number]
  | Exclude<NonNullable<OpenAI.Chat.ChatCompletionAssistantMessageParam['content']>, string>[number];
const text: Rows<Exclude<keyof OpenAI.Chat.ChatCompletionContentPartText, 'type'>> = {
  text: said,
  prompt_cache_breakpoint: [mark, '-messages.content.prompt_cache_breakpoint'],
};
const parts: Rows<TypeOf<AnyPart>> = {
  text: [{ text: 'b' }, 'taken'],
  refusal: [{ refusal: 'No.' } satisfies Omit<OpenAI.Chat.ChatCompletionContentPartRefusal, 'type'>, 'taken'],
  image_url: [{ image_url: { url: 'x' } }, 'refused'],
  input_audio: [{ input_audio: { data: '', format: 'wav' } }, 'refused'],
  file: [{ file: { file_id: 'f' } }, 'refused'],
};

describe('fields of parts', () => {
  checkAll('text', text, (key, value) => {
    return { messages: [{ role: 'user', content: [{ type: 'text', text: 'b', [key]: value }] }] };
  });
  const assistantSays = (type: string, part: unknown) => {
    return { messages: [user, { role: 'assistant', content: [{ type, ...(part as object) }] }, user] };
  };
  checkAll('parts', parts, assistantSays, () => 'messages[1].content[0].type');
});

const toolTypes: Rows<TypeOf<OpenAI.Chat.ChatCompletionTool>> = {
  function: [definition, 'taken'],
  custom: [{ name: 'f' }, 'refused'],
};
const functionFields: Rows<keyof OpenAI.FunctionDefinition> = {
  name: ['g', 'taken'],
  description: ['d', 'taken'],
  parameters: [{ type: 'object', properties: {} }, 'taken'],
  strict: [false, 'taken'],
};
const choices: Rows<TypeOf<Exclude<OpenAI.Chat.ChatCompletionToolChoiceOption, string>>> = {
  function: [{ name: 'f' }, 'taken'],
  allowed_tools: [{ mode: 'auto', tools: [{ type: 'function', function: { name: 'f' } }] }, 'taken'],
  custom: [{ name: 'f' }, 'refused'],
};

describe('fields of tools', () => {
  const wrap = (tool: object, more: object = {}) => ({ messages: [user], tools: [tool], ...more });
  checkAll(
    'types',
    toolTypes,
    (type, of) => wrap({ type, [type]: of }),
    () => 'tools[0].type',
  );
  checkAll('functions', functionFields, (key, value) => {
    return wrap({ type: 'function', function: { ...definition, [key]: value } });
  });
  checkAll(
    'choices',
    choices,
    (type, of) => ({ messages: [user], tools, tool_choice: { type, [type]: of } }),
    () => 'tool_choice.type',
  );
});
