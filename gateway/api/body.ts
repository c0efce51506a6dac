// From a request's bytes to checked fields: JSON, then the schema, then OpenAI's words for what is wrong. Knows no endpoint.
import type { z } from 'zod';
import { ApiError, badFields, badRequest, ClientGone, type FieldFault } from './errors.ts';
import { issueFaults, unsupportedFault } from './issues.ts';
import { unsupportedFields } from './schema.ts';

/** Values outside `prompt` and `tokens` that a request may hold; keeps the cost of checking one bounded. */
const MOST_VALUES = 50_000;

/** The body as text, of at most `most` bytes; a body that says it is larger is not read at all. */
export async function readBody(request: Request, most: number): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge(most);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.length;
      if (size > most) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new ClientGone({ cause: error });
  }
  if (size > most) throw tooLarge(most);
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(most: number): ApiError {
  const message = `The body of your request is larger than the ${most} bytes that this server takes.`;
  return new ApiError({ status: 413, message, code: 'request_too_large' });
}

/** The body's fields, `null` ones left out. Throws an ApiError. */
export function parseJson(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`We could not parse the JSON body of your request: ${why}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('The body of your request must be a JSON object.');
  }
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

/** Faults of one request that its error lists. */
const MOST_FAULTS = 50;

/** The fields as `schema` has them. Fields that are unknown, unsupported, of another type or out of range are a 400 that names them all. */
export function parseFields<Schema extends z.ZodType>(
  schema: Schema,
  fields: Record<string, unknown>,
  { unsupported = unsupportedFields }: { unsupported?: typeof unsupportedFields } = {},
): z.infer<Schema> {
  refuseManyValues(fields);
  const known = Object.entries(fields).filter(([name]) => Object.hasOwn(unsupported, name));
  const refused = known.flatMap(([name, value]) => refusal(name, value, unsupported[name]));
  const rest = Object.entries(fields).filter(([name]) => !Object.hasOwn(unsupported, name));
  const supported = Object.fromEntries(rest);
  const parsed = schema.safeParse(supported);
  const faults = refused;
  for (const fault of issueFaults(parsed.error?.issues ?? [], supported)) {
    if (faults.length === MOST_FAULTS) break;
    faults.push(fault);
  }
  const [first, ...others] = faults;
  if (first !== undefined) throw badFields([first, ...others]);
  return parsed.data as z.infer<Schema>;
}

/** Throws a 400 where checking the fields would take long. */
export function refuseManyValues({
  prompt: _prompt,
  tokens: _tokens,
  ...small
}: Record<string, unknown>): void {
  if (countValues(small, MOST_VALUES) <= MOST_VALUES) return;
  throw badRequest(`Your request holds more than ${MOST_VALUES} values.`, { code: 'too_many_values' });
}

/** Of a known but unsupported field; none if its value asks for nothing, as `neutral` ones do (JSON text). */
function refusal(name: string, value: unknown, neutral: readonly string[]): FieldFault[] {
  // Only what is small can be neutral; JSON.stringify fails on what is deep.
  const small = typeof value !== 'object' || value === null || countValues(value, 2) <= 2;
  if (small && neutral.includes(JSON.stringify(value))) return [];
  const { message, code } = unsupportedFault(name);
  const only = neutral.length > 0 ? ` Only ${neutral.join(', ')} is.` : '';
  return [{ message: message + only, param: name, code }];
}

/** Counts without recursion, so that depth costs nothing, and stops past `most`. */
function countValues(root: object, most: number): number {
  const open: object[] = [root];
  let count = 0;
  for (let next = open.pop(); next !== undefined && count <= most; next = open.pop()) {
    for (const value of Object.values(next)) {
      count++;
      if (typeof value === 'object' && value !== null) open.push(value);
    }
  }
  return count;
}
