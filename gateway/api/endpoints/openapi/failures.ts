// The errors of the API: the meaning of each status, the statuses of each kind of operation, and the shapes of error bodies.
import { z } from 'zod';

const text = z.string();

/** The reason for each status of an error, for the API's description. */
export const statuses = {
  400: 'A field is invalid. The message names it.',
  401: 'This server needs an API key, and the request has no valid one.',
  403: 'The API key, the name in the header Host, or the page that sent the request is not allowed.',
  404: 'There is no such model or shard.',
  408: 'The request did not arrive in time.',
  409: 'The shard stays, because no other shard serves some of its experts, or because it runs in the gateway itself.',
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
