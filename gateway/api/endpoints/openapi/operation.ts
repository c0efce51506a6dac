// The type of an operation's description, and parts that several descriptions share.
import { z } from 'zod';
import { rungs } from '../../../engine/messages.ts';
import type { Failures } from './failures.ts';

/** Groups of operations in the order of the reference. */
export const tags = {
  Generate: 'Text from a model, in the shapes that clients of OpenAI and Anthropic send.',
  Tokens: 'Texts to token ids, and back.',
  Models: 'The models that this gateway serves.',
  Operate:
    'The state of the gateway and its shards. If the gateway has API keys, operations about all keys or about the machines ' +
    'need a key that was made with `expertgrid key create --admin`.',
  Describe: 'This description.',
} as const;

export interface Operation {
  method: 'get' | 'post';
  path: string;
  tag: keyof typeof tags;
  summary: string;
  description?: string;
  /** Schema of the body. */
  schema?: { name: string; zod: z.ZodType };
  /** Parameters in the path, the query and the headers. */
  parameters?: readonly Parameter[];
  /** Bodies by their titles. Each is answered with 200 if its model is served. */
  examples?: Readonly<Record<string, object>>;
  /** Known fields that are refused by name, each with the values that ask for nothing (JSON text). */
  refused?: Record<string, readonly string[]>;
  /** Names of fields without effect on some models, beside those that the schema marks. */
  noEffect?: readonly string[];
  /** Schema of the answer with status 200, and of those in `alsoFor`. Absent: the answer is not JSON. */
  answer?: { name: string; zod: z.ZodType; example: object; alsoFor?: readonly number[] };
  /** Media type of the answer. Default: JSON. */
  type?: string;
  /** The answer is server-sent events if the field `stream` is true. */
  streams?: true;
  /** The ways in which it may fail. */
  failures: Failures;
  /** Schemas of its errors. Default: OpenAI's. */
  errors?: readonly ErrorName[];
  /** With API keys, it needs an admin's key. */
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

/** The query that names a model. */
export const modelParameter = {
  name: 'model',
  in: 'query',
  description: 'Id of a model. Default: the first one.',
} as const;

export const count = z.int().min(0);
export const text = z.string();

/** `expertgrid` in every generated answer. */
export const generation = z.object({
  seed: z.int(),
  degraded_hops: z.partialRecord(z.enum(rungs), count).optional(),
});
