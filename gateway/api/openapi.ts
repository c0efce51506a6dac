// GET /openapi.json: the API's description, made from the schemas that requests are checked with. Knows no server.
import { z } from 'zod';
import {
  anthropicError,
  chatAnswer,
  completionAnswer,
  countAnswer,
  detokenizeAnswer,
  healthAnswer,
  inputTokensAnswer,
  messageAnswer,
  modelAnswer,
  modelsAnswer,
  openAiError,
  readyAnswer,
  responseAnswer,
  tokenizeAnswer,
  tokenizerAnswer,
  versionAnswer,
} from './answer-schemas.ts';
import { modelFields } from './anthropic/chat.ts';
import {
  countSchema,
  messagesSchema,
  unsupportedCountFields,
  unsupportedMessagesFields,
} from './anthropic/schema.ts';
import { inputTokensSchema, responsesSchema, unsupportedResponsesFields } from './responses/schema.ts';
import { chatSchema, completionSchema, unsupportedFields } from './schema.ts';
import { namesOfIdleStreamOptions } from './stream-options.ts';
import { namesOfIdleThinking } from './thinking.ts';
import { detokenizeSchema, tokenizeSchema } from './tokens.ts';

export interface Operation {
  method: 'get' | 'post';
  path: string;
  summary: string;
  /** Of the body. */
  schema?: { name: string; zod: z.ZodType };
  /** Fields of the path, the query and the headers. */
  parameters?: readonly Parameter[];
  /** A body that is answered as it stands, the model's name apart. */
  example?: object;
  /** Known fields that are refused by name, each with the values that ask for nothing (JSON text). */
  refused?: Record<string, readonly string[]>;
  /** Names of fields that change nothing for some models, beside those that the schema marks. */
  noEffect?: readonly string[];
  /** Of the answer with status 200, and of further ones whose body is no error; absent: it is no JSON. */
  answer?: { name: string; zod: z.ZodType; alsoFor?: readonly number[] };
  /** Media type of the answer; default: JSON. */
  type?: string;
  /** With `stream` the answer is server-sent events. */
  streams?: true;
  /** How it may fail. */
  failures: Failures;
  /** Schemas of its errors; default: OpenAI's. */
  errors?: readonly ErrorName[];
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  description: string;
  /** Default: any text. */
  schema?: object;
}

type ErrorName = 'Error' | 'AnthropicError';

const model = { name: 'model', in: 'query', description: 'Id of a model; without it the first.' } as const;
const anthropicVersion = {
  name: 'anthropic-version',
  in: 'header',
  description: "With it the answer has the shape of Anthropic's API.",
} as const;

/** Statuses of errors, and when they come. */
const statuses = {
  400: 'A field is wrong; the message names it.',
  401: 'Keys are asked for, and none that is known was sent.',
  403: 'The key, the name in Host or the page that asks is not allowed.',
  404: 'There is no such model.',
  408: 'The request did not arrive in time.',
  413: 'The body is too large.',
  415: 'The body is no JSON by its content-type, or its content-encoding is not known.',
  429: 'The queue is full or a limit of the key is reached; try again.',
  500: 'The server is at fault.',
  503: 'Experts are missing, or the server is ending.',
  504: 'A shard did not answer in time.',
  529: 'The queue is full; try again.',
} as const;
type Status = keyof typeof statuses;

const ofBodies = [400, 401, 403, 404, 408, 413, 415, 429, 500] as const;
const ofEngine = [...ofBodies, 503, 504] as const;
const failures = {
  /** Needs no key. */
  open: [403, 500],
  keyed: [401, 403, 500],
  /** Of one model. */
  named: [401, 403, 404, 500],
  listed: [400, 401, 403, 500],
  /** Probes need no key, and a 503 is an answer. */
  probe: [403, 404, 500],
  body: ofBodies,
  engine: ofEngine,
  anthropicEngine: [...ofEngine, 529],
} as const satisfies Record<string, readonly Status[]>;
type Failures = keyof typeof failures;

/** Those of the query are Anthropic's, and mean nothing without its header. */
const modelsParameters: readonly Parameter[] = [
  anthropicVersion,
  {
    name: 'limit',
    in: 'query',
    description: 'Models in a page, 1 to 1000.',
  },
];

/** Every path answers with and without `/v1` before it, and a slash behind it. */
export const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/completions',
    answer: { name: 'Completion', zod: completionAnswer },
    streams: true,
    failures: 'engine',
    summary: 'Continues a text, or tells how likely one is.',
    schema: { name: 'CompletionRequest', zod: completionSchema },
    refused: unsupportedFields,
    noEffect: namesOfIdleStreamOptions,
    example: { model: 'nano', prompt: 'The old man', max_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/chat/completions',
    answer: { name: 'ChatCompletion', zod: chatAnswer },
    streams: true,
    failures: 'engine',
    summary: 'Answers a conversation.',
    schema: { name: 'ChatRequest', zod: chatSchema },
    refused: unsupportedFields,
    noEffect: [...namesOfIdleStreamOptions, ...namesOfIdleThinking],
    example: { model: 'nano', messages: [{ role: 'user', content: 'Good morning.' }], max_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/responses',
    answer: { name: 'Response', zod: responseAnswer },
    streams: true,
    failures: 'engine',
    summary: "Answers a conversation, in the shape of OpenAI's Responses API; nothing is stored.",
    schema: { name: 'ResponsesRequest', zod: responsesSchema },
    refused: unsupportedResponsesFields,
    noEffect: ['reasoning.effort'],
    example: { model: 'nano', input: 'Good morning.', max_output_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/responses/input_tokens',
    answer: { name: 'InputTokens', zod: inputTokensAnswer },
    failures: 'body',
    summary: 'How many tokens the prompt of such a response has.',
    schema: { name: 'InputTokensRequest', zod: inputTokensSchema },
    example: { model: 'nano', input: 'Good morning.' },
  },
  {
    method: 'post',
    path: '/v1/messages',
    answer: { name: 'Message', zod: messageAnswer },
    streams: true,
    failures: 'anthropicEngine',
    summary: "Answers a conversation, in the shape of Anthropic's Messages API.",
    schema: { name: 'MessagesRequest', zod: messagesSchema },
    refused: unsupportedMessagesFields,
    noEffect: modelFields,
    errors: ['AnthropicError'],
    example: { model: 'nano', messages: [{ role: 'user', content: 'Good morning.' }], max_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    answer: { name: 'TokenCount', zod: countAnswer },
    failures: 'body',
    summary: 'How many tokens the prompt of such a message has.',
    schema: { name: 'CountTokensRequest', zod: countSchema },
    refused: unsupportedCountFields,
    noEffect: modelFields,
    errors: ['AnthropicError'],
    example: { model: 'nano', messages: [{ role: 'user', content: 'Good morning.' }] },
  },
  {
    method: 'post',
    path: '/tokenize',
    answer: { name: 'Tokens', zod: tokenizeAnswer },
    failures: 'body',
    summary: 'Token ids of a text or a conversation.',
    schema: { name: 'TokenizeRequest', zod: tokenizeSchema },
    example: { model: 'nano', prompt: 'The old man' },
  },
  {
    method: 'post',
    path: '/detokenize',
    answer: { name: 'Text', zod: detokenizeAnswer },
    failures: 'body',
    summary: 'The text of token ids.',
    schema: { name: 'DetokenizeRequest', zod: detokenizeSchema },
    example: { model: 'nano', tokens: [72, 105] },
  },
  {
    method: 'get',
    path: '/tokenizer_info',
    answer: { name: 'TokenizerInfo', zod: tokenizerAnswer },
    failures: 'named',
    summary: "The tokenizer's configuration and the chat template.",
    parameters: [model],
  },
  {
    method: 'get',
    path: '/v1/models',
    summary: 'The models that are served.',
    answer: { name: 'Models', zod: modelsAnswer },
    failures: 'listed',
    errors: ['Error', 'AnthropicError'],
    parameters: modelsParameters,
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    answer: { name: 'Model', zod: modelAnswer },
    failures: 'named',
    errors: ['Error', 'AnthropicError'],
    summary: 'One model.',
    parameters: [{ name: 'id', in: 'path', description: 'Its id.' }, anthropicVersion],
  },
  {
    method: 'get',
    path: '/health',
    summary: 'Whether the process lives.',
    answer: { name: 'Health', zod: healthAnswer },
    failures: 'open',
  },
  {
    method: 'get',
    path: '/version',
    summary: "This server's version.",
    answer: { name: 'Version', zod: versionAnswer },
    failures: 'keyed',
  },
  {
    method: 'get',
    path: '/health/ready',
    answer: { name: 'Readiness', zod: readyAnswer, alsoFor: [503] },
    failures: 'probe',
    summary: 'Whether every expert is held by a shard; 503 and what is missing where not.',
    parameters: [model],
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Counters for Prometheus.',
    type: 'text/plain',
    failures: 'keyed',
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This document.',
    answer: { name: 'Document', zod: z.object({ openapi: z.string() }) },
    failures: 'open',
  },
  { method: 'get', path: '/docs', summary: 'This document as a page.', type: 'text/html', failures: 'open' },
];

export interface JsonSchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
  /** Objects that one field tells apart. */
  oneOf?: JsonSchema[];
  const?: unknown;
  items?: JsonSchema;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
}

/** Of OpenAPI 3.1, whose schemas are JSON Schema as it is. */
export function openApiDocument(): object {
  const requests = operations.flatMap(({ schema }) =>
    schema ? [[schema.name, jsonSchema(schema.zod)]] : [],
  );
  const answers = operations.flatMap(({ answer }) =>
    answer ? [[answer.name, plainSchema(answer.zod)]] : [],
  );
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'expertgrid',
      version: 'v1',
      description: 'The completion API. null means absent.',
    },
    // A server without --api-keys asks for none.
    security: [{}, { bearer: [] }, { header: [] }],
    paths,
    components: {
      schemas: {
        ...Object.fromEntries(requests),
        ...Object.fromEntries(answers),
        Error: plainSchema(openAiError),
        AnthropicError: plainSchema(anthropicError),
      },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        header: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
  };
}

export function jsonSchema(schema: z.ZodType): JsonSchema {
  const { required, ...made } = plainSchema(schema);
  // Where only one model is served, it is filled in before the fields are checked.
  const needed = required?.filter((name) => name !== 'model') ?? [];
  return needed.length === 0 ? made : { ...made, required: needed };
}

function plainSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest as JsonSchema;
}

function describe(operation: Operation) {
  const { method, path, summary, schema, parameters, example, refused } = operation;
  const names = Object.keys(refused ?? {}).join(', ');
  return {
    operationId: `${method}${path.replaceAll(/[^a-z]+/g, '_')}`,
    summary,
    ...(names !== '' && { description: `Refused by name: ${names}.` }),
    ...(parameters && {
      parameters: parameters.map((one) => ({ schema: text, ...one, required: one.in === 'path' })),
    }),
    ...(schema && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: named(schema.name), example } },
      },
    }),
    responses: responsesOf(operation),
  };
}

const text = { type: 'string' };

/** Of server-sent events, each by itself: the fields that it has. */
const event = { type: 'object', required: ['data'], properties: { event: text, data: text } };

function responsesOf({ answer, type, streams, failures: kind, errors = ['Error'] }: Operation) {
  const content = answer && { 'application/json': { schema: named(answer.name) } };
  const events = streams && { 'text/event-stream': { schema: event } };
  const error = errors.length > 1 ? { anyOf: errors.map(named) } : named(errors[0] ?? 'Error');
  const failed = failures[kind].map((status) => {
    const body = { 'application/json': { schema: error } };
    return [status, { description: statuses[status], headers, content: body }] as const;
  });
  const told = { ...content, ...events, ...(type !== undefined && { [type]: { schema: text } }) };
  return {
    200: { description: 'The answer.', headers, content: told },
    ...Object.fromEntries(failed),
    ...Object.fromEntries(
      (answer?.alsoFor ?? []).map((status) => [status, { description: 'Not now.', headers, content }]),
    ),
  };
}

const headers = { 'x-request-id': { description: 'Id of the request, in the log too.', schema: text } };

function named(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}
