// Every operation of the API, in the order in which its description and its reference show them. Knows no server.
import { z } from 'zod';
import { modelFields } from '../../anthropic/chat.ts';
import {
  countSchema,
  messagesSchema,
  unsupportedCountFields,
  unsupportedMessagesFields,
} from '../../anthropic/schema.ts';
import { chatSchema, completionSchema, unsupportedFields } from '../../requests/fields/schema.ts';
import { namesOfIdleStreamOptions } from '../../requests/fields/stream-options.ts';
import { inputTokensSchema, responsesSchema, unsupportedResponsesFields } from '../../responses/schema.ts';
import { namesOfIdleThinking } from '../../text/thinking.ts';
import { drainSchema } from '../drain.ts';
import { places } from '../pages/front.ts';
import { detokenizeSchema, tokenizeSchema } from '../tokens.ts';
import {
  chatAnswer,
  completionAnswer,
  countAnswer,
  detokenizeAnswer,
  frontAnswer,
  healthAnswer,
  inputTokensAnswer,
  messageAnswer,
  modelAnswer,
  modelsAnswer,
  readyAnswer,
  responseAnswer,
  tokenizeAnswer,
  tokenizerAnswer,
  versionAnswer,
} from './answer-schemas.ts';
import * as examples from './examples.ts';
import type { Failures } from './failures.ts';
import { drainAnswer, heatAnswer, historyAnswer, shardsAnswer } from './operator-schemas.ts';

/** Groups of operations, in order. */
export const tags = {
  Generate: 'Text from a model, in the shapes that clients of OpenAI and Anthropic send.',
  Tokens: 'Texts as token ids, and back.',
  Models: 'What this gateway serves.',
  Operate:
    'How the gateway and its shards are. If the gateway has API keys, what tells of all callers or of the machines takes a ' +
    'key made with `expertgrid key create --admin`.',
  Describe: 'This description.',
} as const;

export interface Operation {
  method: 'get' | 'post';
  path: string;
  tag: keyof typeof tags;
  summary: string;
  description?: string;
  /** Of the body. */
  schema?: { name: string; zod: z.ZodType };
  /** Fields of the path, the query and the headers. */
  parameters?: readonly Parameter[];
  /** Bodies that are answered as they stand, the model's name apart, by what each shows. */
  examples?: Readonly<Record<string, object>>;
  /** Known fields that are refused by name, each with the values that ask for nothing (JSON text). */
  refused?: Record<string, readonly string[]>;
  /** Names of fields that change nothing for some models, beside those that the schema marks. */
  noEffect?: readonly string[];
  /** Of the answer with status 200, and of further ones whose body is no error; absent: it is no JSON. */
  answer?: { name: string; zod: z.ZodType; example: object; alsoFor?: readonly number[] };
  /** Media type of the answer; default: JSON. */
  type?: string;
  /** With `stream` the answer is server-sent events. */
  streams?: true;
  /** How it may fail. */
  failures: Failures;
  /** Schemas of its errors; default: OpenAI's. */
  errors?: readonly ErrorName[];
  /** If there are API keys, only one of an admin will do. */
  admin?: true;
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  description: string;
  /** Default: any text. */
  schema?: object;
  example?: string | number;
}

export type ErrorName = 'Error' | 'AnthropicError';

const model = { name: 'model', in: 'query', description: 'Id of a model; without it the first.' } as const;
const anthropicVersion = {
  name: 'anthropic-version',
  in: 'header',
  description: "With this header the answer has the shape of Anthropic's API.",
} as const;

/** Those of the query are Anthropic's, and mean nothing without its header. */
const modelsParameters: readonly Parameter[] = [
  anthropicVersion,
  { name: 'limit', in: 'query', description: "Models in a page of Anthropic's shape, 1 to 1000." },
];

/** Every path answers with and without `/v1` before it, and a slash behind it. */
export const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/completions',
    tag: 'Generate',
    answer: { name: 'Completion', zod: completionAnswer, example: examples.completion },
    streams: true,
    failures: 'engine',
    summary: 'Continue a text, or score one',
    schema: { name: 'CompletionRequest', zod: completionSchema },
    refused: unsupportedFields,
    noEffect: namesOfIdleStreamOptions,
    examples: examples.completionRequests,
  },
  {
    method: 'post',
    path: '/v1/chat/completions',
    tag: 'Generate',
    answer: { name: 'ChatCompletion', zod: chatAnswer, example: examples.chat },
    streams: true,
    failures: 'engine',
    summary: 'Answer a conversation',
    schema: { name: 'ChatRequest', zod: chatSchema },
    refused: unsupportedFields,
    noEffect: [...namesOfIdleStreamOptions, ...namesOfIdleThinking],
    examples: examples.chatRequests,
  },
  {
    method: 'post',
    path: '/v1/responses',
    tag: 'Generate',
    answer: { name: 'Response', zod: responseAnswer, example: examples.response },
    streams: true,
    failures: 'engine',
    summary: "Answer a conversation, in the shape of OpenAI's Responses API",
    description: 'Nothing is stored: every request carries the whole conversation.',
    schema: { name: 'ResponsesRequest', zod: responsesSchema },
    refused: unsupportedResponsesFields,
    noEffect: ['reasoning.effort'],
    examples: { 'An answer': { model: 'nano', input: 'Good morning.', max_output_tokens: 16 } },
  },
  {
    method: 'post',
    path: '/v1/responses/input_tokens',
    tag: 'Tokens',
    answer: { name: 'InputTokens', zod: inputTokensAnswer, example: examples.inputTokens },
    failures: 'body',
    summary: 'Count the prompt tokens of a request to /v1/responses',
    schema: { name: 'InputTokensRequest', zod: inputTokensSchema },
    examples: { 'A text': { model: 'nano', input: 'Good morning.' } },
  },
  {
    method: 'post',
    path: '/v1/messages',
    tag: 'Generate',
    answer: { name: 'Message', zod: messageAnswer, example: examples.message },
    streams: true,
    failures: 'anthropicEngine',
    summary: "Answer a conversation, in the shape of Anthropic's Messages API",
    schema: { name: 'MessagesRequest', zod: messagesSchema },
    refused: unsupportedMessagesFields,
    noEffect: modelFields,
    errors: ['AnthropicError'],
    examples: { 'An answer': { model: 'nano', messages: examples.goodMorning, max_tokens: 16 } },
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    tag: 'Tokens',
    answer: { name: 'TokenCount', zod: countAnswer, example: { input_tokens: 9 } },
    failures: 'body',
    summary: 'Count the prompt tokens of a request to /v1/messages',
    schema: { name: 'CountTokensRequest', zod: countSchema },
    refused: unsupportedCountFields,
    noEffect: modelFields,
    errors: ['AnthropicError'],
    examples: { 'A conversation': { model: 'nano', messages: examples.goodMorning } },
  },
  {
    method: 'post',
    path: '/tokenize',
    tag: 'Tokens',
    answer: { name: 'Tokens', zod: tokenizeAnswer, example: examples.tokens },
    failures: 'body',
    summary: 'Turn a text or a conversation into token ids',
    schema: { name: 'TokenizeRequest', zod: tokenizeSchema },
    examples: { 'A text': { model: 'nano', prompt: 'The old man' } },
  },
  {
    method: 'post',
    path: '/detokenize',
    tag: 'Tokens',
    answer: { name: 'Text', zod: detokenizeAnswer, example: { prompt: 'Hi' } },
    failures: 'body',
    summary: 'Turn token ids into a text',
    schema: { name: 'DetokenizeRequest', zod: detokenizeSchema },
    examples: { 'Two tokens': { model: 'nano', tokens: [72, 105] } },
  },
  {
    method: 'get',
    path: '/tokenizer_info',
    tag: 'Tokens',
    answer: { name: 'TokenizerInfo', zod: tokenizerAnswer, example: examples.tokenizerInfo },
    failures: 'named',
    summary: "The tokenizer's configuration and the chat template",
    parameters: [model],
  },
  {
    method: 'get',
    path: '/v1/models',
    tag: 'Models',
    summary: 'The models that are served, and the names that stand for some',
    answer: { name: 'Models', zod: modelsAnswer, example: { object: 'list', data: [examples.model] } },
    failures: 'listed',
    errors: ['Error', 'AnthropicError'],
    parameters: modelsParameters,
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    tag: 'Models',
    answer: { name: 'Model', zod: modelAnswer, example: examples.model },
    failures: 'named',
    errors: ['Error', 'AnthropicError'],
    summary: 'One model',
    parameters: [{ name: 'id', in: 'path', description: 'Its id.', example: 'nano' }, anthropicVersion],
  },
  {
    method: 'get',
    path: '/health',
    tag: 'Operate',
    summary: 'Whether the process lives',
    description: 'Asks no engine: a liveness probe.',
    answer: { name: 'Health', zod: healthAnswer, example: { status: 'ok' } },
    failures: 'open',
  },
  {
    method: 'get',
    path: '/health/ready',
    tag: 'Operate',
    answer: { name: 'Readiness', zod: readyAnswer, example: examples.ready, alsoFor: [503] },
    failures: 'probe',
    summary: 'Whether every expert is served',
    description:
      'A readiness probe: 503 while an expert is held by no shard, with the missing ones by layer.',
    parameters: [model],
  },
  {
    method: 'get',
    path: '/version',
    tag: 'Operate',
    summary: "This server's version",
    answer: { name: 'Version', zod: versionAnswer, example: { version: '0.1.0' } },
    failures: 'keyed',
  },
  {
    method: 'get',
    path: '/metrics',
    tag: 'Operate',
    admin: true,
    summary: 'Counters and histograms for Prometheus',
    type: 'text/plain',
    failures: 'keyed',
  },
  {
    method: 'get',
    path: '/v1/history',
    tag: 'Operate',
    admin: true,
    summary: 'Ten minutes by the second and a day by the minute',
    description:
      'What the console plots. The gateway keeps it in about 100 kB of memory, whatever the traffic, and loses it when it ends.',
    parameters: [
      {
        ...{ name: 'since', in: 'query', description: 'Only what came after this time, in Unix seconds.' },
        schema: { type: 'integer', minimum: 0, maximum: 999_999_999_999 },
      },
    ],
    answer: { name: 'History', zod: historyAnswer, example: examples.history },
    failures: 'listed',
  },
  {
    method: 'get',
    path: '/v1/shards',
    tag: 'Operate',
    admin: true,
    summary: 'The shards of a model, as this gateway sees them',
    parameters: [model],
    answer: { name: 'Shards', zod: shardsAnswer, example: examples.shards },
    failures: 'status',
  },
  {
    method: 'post',
    path: '/v1/shards/drain',
    tag: 'Operate',
    admin: true,
    summary: 'Take a shard out of service',
    description:
      'Its calls end, other shards take over, and its process ends. Answers once the shard has left, which takes as long as ' +
      'its calls do, up to ten seconds. A shard that is the only holder of an expert stays (409, code `only_holder`), unless ' +
      '`force` is true. Without API keys only a gateway on a loopback address does this.',
    schema: { name: 'DrainRequest', zod: drainSchema },
    examples: { 'One shard': { address: '127.0.0.1:7001' } },
    answer: { name: 'Drained', zod: drainAnswer, example: examples.drained },
    failures: 'drain',
  },
  {
    method: 'get',
    path: '/v1/experts/heat',
    tag: 'Operate',
    admin: true,
    summary: 'How many rows each expert of each layer has computed',
    parameters: [
      model,
      {
        ...{ name: 'transitions', in: 'query', schema: { enum: ['0', '1'] } },
        description: 'With 1 the answer also tells which experts of the next layer the rows went to.',
      },
    ],
    answer: { name: 'Heat', zod: heatAnswer, example: examples.heat },
    failures: 'status',
  },
  {
    method: 'get',
    path: '/',
    tag: 'Describe',
    summary: 'Where things are',
    description: 'Paths from here. A browser, which accepts HTML, is sent to the console by a 302.',
    answer: { name: 'Front', zod: frontAnswer, example: { name: 'expertgrid', ...places } },
    failures: 'open',
  },
  {
    method: 'get',
    path: '/openapi.json',
    tag: 'Describe',
    summary: 'The description of this API, in OpenAPI 3.1',
    answer: { name: 'Document', zod: z.object({ openapi: z.string() }), example: { openapi: '3.1.0' } },
    failures: 'open',
  },
  {
    method: 'get',
    path: '/docs',
    tag: 'Describe',
    summary: 'The description as a page that can send requests',
    type: 'text/html',
    failures: 'open',
  },
];
