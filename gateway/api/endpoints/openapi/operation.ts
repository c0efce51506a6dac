// The type of an operation's description, the errors of the API, and schemas that several descriptions share.
import { z } from 'zod';
import { rungs } from '../../../engine/messages.ts';

/** Groups of operations, in the order in which the page /docs shows them. */
export const tags = {
  Generate: 'Text from a model, in the shapes that clients of OpenAI and Anthropic send.',
  Tokens: 'Texts to token ids, and back.',
  Models: 'The models that this gateway serves.',
  Operate:
    'The state of the gateway and its shards. If the gateway has API keys, operations about all keys or about the machines ' +
    'need a key that was made with `expertgrid key create --admin`.',
  Describe: 'This description.',
} as const;

export type Method = 'get' | 'post';

/** Descriptions by method and path. */
export type Operations<Of = Description> = Readonly<Record<`${Method} /${string}`, Of>>;

export type Operation = Description & { method: Method; path: string };

interface Description {
  tag: keyof typeof tags;
  summary: string;
  description?: string;
  /** Schema of the body. */
  schema?: { name: string; zod: z.ZodType };
  /** Parameters in the path, the query and the headers. */
  parameters?: readonly Parameter[];
  /** Examples of bodies by title. A server that serves the example's model answers each of them with 200. */
  examples?: Readonly<Record<string, object>>;
  /** Fields that are refused, by name. Each has a list of values (as JSON texts) that are accepted because they mean the default. */
  refused?: Record<string, readonly string[]>;
  /** Names of fields that have no effect on some models. The schema marks the fields that never have an effect. */
  noEffect?: readonly string[];
  /** The answer with status 200 or a status in `alsoFor`. Absent: the answer is not JSON. */
  answer?: { name: string; zod: z.ZodType; example: object; alsoFor?: readonly number[] };
  /** Media type of an answer that is not JSON. */
  type?: string;
  /** If the field `stream` is true, the answer is a stream of server-sent events. */
  streams?: true;
  /** Kind of the operation, which determines the statuses of its errors. */
  failures: Failures;
  /** Schemas of its errors. Default: OpenAI's alone. */
  errors?: readonly ErrorName[];
  /** If the server has API keys, the operation needs a key that was made with `--admin`. */
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

/** Puts operations into a group. */
export function grouped(
  tag: Description['tag'],
  operations: Operations<Omit<Description, 'tag'>>,
): Operations {
  return Object.fromEntries(Object.entries(operations).map(([route, own]) => [route, { tag, ...own }]));
}

/** The query parameter that names a model. */
export const modelParameter = {
  name: 'model',
  in: 'query',
  description: 'Id of a model. Default: the first one.',
} as const;

export const count = z.int().min(0);
export const text = z.string();

/** The field `expertgrid` of every generated answer. */
export const generation = z.object({
  seed: z.int(),
  degraded_hops: z.partialRecord(z.enum(rungs), count).optional(),
  remote_hops: count.optional(),
  expert_calls: count.optional(),
  dropped_expert_calls: count.optional(),
});

/** The reason for each status of an error, for the API's description. */
export const statuses = {
  400: 'A field is invalid. The message names it.',
  401: 'This server needs an API key, and the request has no valid one.',
  403: 'The API key, the name in the header Host, or the page that sent the request is not allowed.',
  404: 'There is no such model or shard.',
  408: 'The request did not arrive in time.',
  409: 'The shard stays, because it is the only one that serves some of its experts, or because it runs in the gateway itself.',
  413: 'The body is too large.',
  415: 'The content-type is not JSON, or the content-encoding is not known.',
  429: 'The queue is full or a limit of the key is reached. Try again later.',
  500: 'An error in the server.',
  503: 'Experts are missing, the engine does not answer, or the server is loading or shutting down.',
  504: 'A shard did not answer in time.',
  529: 'The queue is full. Try again later.',
} as const;
type Status = keyof typeof statuses;

const ofBodies = [400, 401, 403, 404, 408, 413, 415, 429, 500] as const;
const ofEngine = [...ofBodies, 503, 504] as const;

/** Statuses of errors by kind of operation. */
export const failures = {
  /** Needs no API key. */
  open: [403, 500],
  keyed: [401, 403, 500],
  /** Takes the id of a model. */
  named: [401, 403, 404, 500],
  /** Takes query parameters. */
  listed: [400, 401, 403, 500],
  /** Needs no API key. A 503 is not an error but an answer. */
  probe: [403, 404, 500],
  /** Asks the engine of one model for its status. */
  status: [400, 401, 403, 404, 500, 503],
  /** Takes a request body. */
  body: ofBodies,
  drain: [...ofBodies, 409, 503],
  /** Generates with the engine. */
  engine: ofEngine,
  anthropicEngine: [...ofEngine, 529],
} as const satisfies Record<string, readonly Status[]>;
export type Failures = keyof typeof failures;

/** Kinds of operations that need no API key. */
export const withoutKey: ReadonlySet<Failures> = new Set(['open', 'probe']);

const fault = z.object({ param: text, code: text, message: text });

const details = z
  .object({
    fields: z.array(fault).optional().describe('Every fault, if there is more than one.'),
    error_code: text.optional(),
  })
  .optional();

export const openAiError = z.object({
  error: z.object({ message: text, type: text, param: text.nullable(), code: text.nullable(), details }),
});

/** See gateway/api/anthropic/errors.ts for the `type` of each status. */
export const anthropicError = z.object({
  type: z.literal('error'),
  error: z.object({ type: text, message: text, details }),
  request_id: text,
});
