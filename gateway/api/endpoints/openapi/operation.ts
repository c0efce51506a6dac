// The type of an operation's description, and values that several descriptions share.
import { z } from 'zod';
import { rungs } from '../../../engine/messages.ts';
import type { Failures } from './failures.ts';

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
  /** Known fields that are refused by name. The values are JSON texts that are accepted, because they mean the default. */
  refused?: Record<string, readonly string[]>;
  /** Names of fields that have no effect on some models. The schema marks those that never have one. */
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

export interface Parameter {
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
});
