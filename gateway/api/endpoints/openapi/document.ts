// GET /openapi.json: the API's description. The schemas of requests are those that check the requests.
import { z } from 'zod';
import {
  anthropicError,
  failures,
  type Operation,
  openAiError,
  statuses,
  tags,
  withoutKey,
} from './operation.ts';
import { operations } from './operations.ts';

export interface JsonSchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
  /** Alternatives that a discriminator field tells apart. */
  oneOf?: JsonSchema[];
  const?: unknown;
  items?: JsonSchema;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
}

/** The description in OpenAPI 3.1, whose schemas are JSON Schema. */
export function openApiDocument({ version = 'unknown' }: { version?: string } = {}): object {
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
    info: { title: 'expertgrid', version, description },
    tags: Object.entries(tags).map(([name, about]) => ({ name, description: about })),
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
        bearer: { type: 'http', scheme: 'bearer', description: "A key, as OpenAI's clients send it." },
        header: {
          ...{ type: 'apiKey', in: 'header', name: 'x-api-key' },
          description: "A key, as Anthropic's clients send it.",
        },
      },
    },
  };
}

const description = `The API of an expertgrid gateway.

- Every path answers with and without \`/v1\` before it.
- \`null\` means absent. A field that is not listed is refused with an error that names it.
- A server that was started with \`--api-keys\` needs an API key. Press **Authorize** to send yours.
- Requests that you try here are real: they generate tokens, and \`/v1/shards/drain\` ends a shard.`;

/** The JSON Schema of a request. */
export function jsonSchema(schema: z.ZodType): JsonSchema {
  const { required, ...made } = plainSchema(schema);
  // `model` is not required, because a server with only one model fills its name in before it checks the fields.
  const needed = required?.filter((name) => name !== 'model') ?? [];
  return needed.length === 0 ? made : { ...made, required: needed };
}

function plainSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest as JsonSchema;
}

function describe(operation: Operation) {
  const { method, path, tag, summary, schema, parameters, examples } = operation;
  const told = descriptionOf(operation);
  return {
    operationId: `${method}${path.replaceAll(/[^a-z]+/g, '_')}`,
    tags: [tag],
    summary,
    ...(told !== '' && { description: told }),
    ...(withoutKey.has(operation.failures) && { security: [] }),
    ...(parameters && {
      parameters: parameters.map((one) => ({ schema: text, ...one, required: one.in === 'path' })),
    }),
    ...(schema && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: named(schema.name), examples: shown(examples ?? {}) } },
      },
    }),
    responses: responsesOf(operation),
  };
}

function descriptionOf({ description: about, refused = {}, admin }: Operation): string {
  const names = Object.keys(refused).map((name) => `\`${name}\``);
  return [
    about ?? [],
    admin === true ? 'If the server has API keys, only a key made with `--admin` may call this.' : [],
    names.length > 0 ? `Refused by name: ${names.join(', ')}.` : [],
  ]
    .flat()
    .join('\n\n');
}

/** The examples, each under a key that is made from its title. */
function shown(examples: Readonly<Record<string, object>>) {
  return Object.fromEntries(
    Object.entries(examples).map(([summary, value]) => [
      summary.toLowerCase().replaceAll(/[^a-z]+/g, '_'),
      { summary, value },
    ]),
  );
}

const text = { type: 'string' };

/** The fields of one server-sent event. */
const event = { type: 'object', required: ['data'], properties: { event: text, data: text } };

function responsesOf({ answer, type, streams, failures: kind, errors = ['Error'] }: Operation) {
  const schema = answer && named(answer.name);
  const content = {
    ...(answer && { 'application/json': { schema, example: answer.example } }),
    ...(streams && { 'text/event-stream': { schema: event } }),
    ...(type !== undefined && { [type]: { schema: text } }),
  };
  const error = errors.length > 1 ? { anyOf: errors.map(named) } : named(errors[0] ?? 'Error');
  const responses: Record<number, object> = { 200: { description: 'The answer.', headers, content } };
  for (const status of failures[kind]) {
    const body = { 'application/json': { schema: error } };
    responses[status] = { description: statuses[status], headers, content: body };
  }
  for (const status of answer?.alsoFor ?? []) {
    responses[status] = { description: 'Not now.', headers, content: { 'application/json': { schema } } };
  }
  return responses;
}

const headers = {
  'x-request-id': { description: 'Id of the request, which the log contains too.', schema: text },
};

function named(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}
