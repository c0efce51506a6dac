// How the operations of the API may fail: statuses, what each means, which of them go together, and the shapes of errors.
import { z } from 'zod';

const text = z.string();

/** Statuses of errors, and when they come. */
export const statuses = {
  400: 'A field is wrong. The message names it.',
  401: 'This server asks for API keys, and the request carried none that it knows.',
  403: 'The key, the name in Host or the page that sent the request is not allowed.',
  404: 'There is no such model or shard.',
  408: 'The request did not arrive in time.',
  409: 'The shard stays: nobody else serves some of its experts, or it runs in the gateway itself.',
  413: 'The body is too large.',
  415: 'The content-type is not JSON, or the content-encoding is not known.',
  429: 'The queue is full or a limit of the key is reached. Try again later.',
  500: 'The server is at fault.',
  503: 'Experts are missing, the engine does not answer, or the server is loading or shutting down.',
  504: 'A shard did not answer in time.',
  529: 'The queue is full. Try again later.',
} as const;
type Status = keyof typeof statuses;

const ofBodies = [400, 401, 403, 404, 408, 413, 415, 429, 500] as const;
const ofEngine = [...ofBodies, 503, 504] as const;

export const failures = {
  /** Needs no key. */
  open: [403, 500],
  keyed: [401, 403, 500],
  /** Of one model. */
  named: [401, 403, 404, 500],
  listed: [400, 401, 403, 500],
  /** Probes need no key, and a 503 is an answer. */
  probe: [403, 404, 500],
  /** Asks the engine of one model how it is. */
  status: [400, 401, 403, 404, 500, 503],
  body: ofBodies,
  drain: [...ofBodies, 409, 503],
  engine: ofEngine,
  anthropicEngine: [...ofEngine, 529],
} as const satisfies Record<string, readonly Status[]>;
export type Failures = keyof typeof failures;

/** Those that answer without a key. */
export const withoutKey: ReadonlySet<Failures> = new Set(['open', 'probe']);

const fault = z.object({ param: text, code: text, message: text });

const details = z
  .object({
    fields: z.array(fault).optional().describe('Every field at fault, if more than one is.'),
    error_code: text.optional(),
  })
  .optional();

export const openAiError = z.object({
  error: z.object({ message: text, type: text, param: text.nullable(), code: text.nullable(), details }),
});

/** Types by status: gateway/api/anthropic/errors.ts. */
export const anthropicError = z.object({
  type: z.literal('error'),
  error: z.object({ type: text, message: text, details }),
  request_id: text,
});
