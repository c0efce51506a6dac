// GET /openapi.json: the API's description, made from the schemas that requests are checked with. Knows no server.
import { z } from 'zod';
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
  /** Fields of the path and the query. */
  parameters?: readonly { name: string; in: 'path' | 'query'; description: string }[];
  /** A body that is answered as it stands, the model's name apart. */
  example?: object;
  /** Known fields that are refused by name, each with the values that ask for nothing (JSON text). */
  refused?: Record<string, readonly string[]>;
  /** Names of fields that change nothing for some models, beside those that the schema marks. */
  noEffect?: readonly string[];
  /** Schema of its errors; default: OpenAI's. */
  errors?: 'Error' | 'AnthropicError';
  /** Of an answer. */
  type?: string;
}

const model = { name: 'model', in: 'query', description: 'Id of a model; without it the first.' } as const;

/** Every path answers with and without `/v1` before it, and a slash behind it. */
export const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/completions',
    summary: 'Continues a text, or tells how likely one is.',
    schema: { name: 'CompletionRequest', zod: completionSchema },
    refused: unsupportedFields,
    noEffect: namesOfIdleStreamOptions,
    example: { model: 'nano', prompt: 'The old man', max_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/chat/completions',
    summary: 'Answers a conversation.',
    schema: { name: 'ChatRequest', zod: chatSchema },
    refused: unsupportedFields,
    noEffect: [...namesOfIdleStreamOptions, ...namesOfIdleThinking],
    example: { model: 'nano', messages: [{ role: 'user', content: 'Good morning.' }], max_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/responses',
    summary: "Answers a conversation, in the shape of OpenAI's Responses API; nothing is stored.",
    schema: { name: 'ResponsesRequest', zod: responsesSchema },
    refused: unsupportedResponsesFields,
    noEffect: ['reasoning.effort'],
    example: { model: 'nano', input: 'Good morning.', max_output_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/responses/input_tokens',
    summary: 'How many tokens the prompt of such a response has.',
    schema: { name: 'InputTokensRequest', zod: inputTokensSchema },
    example: { model: 'nano', input: 'Good morning.' },
  },
  {
    method: 'post',
    path: '/v1/messages',
    summary: "Answers a conversation, in the shape of Anthropic's Messages API.",
    schema: { name: 'MessagesRequest', zod: messagesSchema },
    refused: unsupportedMessagesFields,
    noEffect: modelFields,
    errors: 'AnthropicError',
    example: { model: 'nano', messages: [{ role: 'user', content: 'Good morning.' }], max_tokens: 16 },
  },
  {
    method: 'post',
    path: '/v1/messages/count_tokens',
    summary: 'How many tokens the prompt of such a message has.',
    schema: { name: 'CountTokensRequest', zod: countSchema },
    refused: unsupportedCountFields,
    noEffect: modelFields,
    errors: 'AnthropicError',
    example: { model: 'nano', messages: [{ role: 'user', content: 'Good morning.' }] },
  },
  {
    method: 'post',
    path: '/tokenize',
    summary: 'Token ids of a text or a conversation.',
    schema: { name: 'TokenizeRequest', zod: tokenizeSchema },
    example: { model: 'nano', prompt: 'The old man' },
  },
  {
    method: 'post',
    path: '/detokenize',
    summary: 'The text of token ids.',
    schema: { name: 'DetokenizeRequest', zod: detokenizeSchema },
    example: { model: 'nano', tokens: [72, 105] },
  },
  {
    method: 'get',
    path: '/tokenizer_info',
    summary: "The tokenizer's configuration and the chat template.",
    parameters: [model],
  },
  { method: 'get', path: '/v1/models', summary: 'The models that are served.' },
  {
    method: 'get',
    path: '/v1/models/{id}',
    summary: 'One model.',
    parameters: [{ name: 'id', in: 'path', description: 'Its id.' }],
  },
  { method: 'get', path: '/version', summary: "This server's version." },
  { method: 'get', path: '/health', summary: 'Whether the process lives.' },
  {
    method: 'get',
    path: '/health/ready',
    summary: 'Whether every expert is held by a shard; 503 and what is missing where not.',
    parameters: [model],
  },
  { method: 'get', path: '/metrics', summary: 'Counters for Prometheus.', type: 'text/plain' },
  { method: 'get', path: '/openapi.json', summary: 'This document.' },
  { method: 'get', path: '/docs', summary: 'This document as a page.', type: 'text/html' },
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
  const schemas = operations.flatMap(({ schema }) => (schema ? [[schema.name, jsonSchema(schema.zod)]] : []));
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
    paths,
    components: {
      schemas: { ...Object.fromEntries(schemas), Error: errorSchema, AnthropicError: anthropicErrorSchema },
    },
  };
}

export function jsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const { required, ...made } = rest as JsonSchema;
  // Where only one model is served, it is filled in before the fields are checked.
  const needed = required?.filter((name) => name !== 'model') ?? [];
  return needed.length === 0 ? made : { ...made, required: needed };
}

function describe({
  method,
  path,
  summary,
  schema,
  parameters,
  example,
  refused,
  errors = 'Error',
  type = 'application/json',
}: Operation) {
  const error = { 'application/json': { schema: { $ref: `#/components/schemas/${errors}` } } };
  const names = Object.keys(refused ?? {}).join(', ');
  return {
    operationId: `${method}${path.replaceAll(/[^a-z]+/g, '_')}`,
    summary,
    ...(names !== '' && { description: `Refused by name: ${names}.` }),
    ...(parameters && {
      parameters: parameters.map((one) => ({
        ...one,
        required: one.in === 'path',
        schema: { type: 'string' },
      })),
    }),
    ...(schema && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema.name}` }, example } },
      },
    }),
    responses: {
      200: { description: 'The answer.', content: { [type]: {} } },
      ...(schema && {
        400: { description: 'A field is wrong; the message names it.', content: error },
        429: { description: 'Too much at once; try again.', content: error },
        503: { description: 'Experts are missing.', content: error },
      }),
    },
  };
}

const text = { type: 'string' };
const details = {
  type: 'object',
  properties: {
    fields: {
      type: 'array',
      description: 'Every field at fault, if more than one is.',
      items: {
        type: 'object',
        required: ['param', 'code', 'message'],
        properties: { param: text, code: text, message: text },
      },
    },
    error_code: text,
  },
};
const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: text,
        type: text,
        param: { type: ['string', 'null'] },
        code: { type: ['string', 'null'] },
        details,
      },
    },
  },
};

/** Types by status: gateway/api/anthropic/errors.ts. */
const anthropicErrorSchema = {
  type: 'object',
  required: ['type', 'error', 'request_id'],
  properties: {
    type: { const: 'error' },
    error: {
      type: 'object',
      required: ['type', 'message'],
      properties: { type: text, message: text, details },
    },
    request_id: text,
  },
};
