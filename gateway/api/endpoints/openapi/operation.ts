// What the description says of one operation, and the pieces that several descriptions share.
import { z } from 'zod';
import { rungs } from '../../../engine/messages.ts';
import type { Failures } from './failures.ts';

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
  description: 'Id of a model; without it the first.',
} as const;

export const count = z.int().min(0);
export const text = z.string();

/** Of all answers that are generated. */
export const generation = z.object({
  seed: z.int(),
  degraded_hops: z.partialRecord(z.enum(rungs), count).optional(),
});
