// From a request's bytes to checked fields: JSON, then the schema, then OpenAI's words for what is wrong. Knows no endpoint.

import type { z } from 'zod';
import { errorText } from '../../../base/error-text.ts';
import type { Holding } from '../budget/ledger.ts';
import { ApiError, badFields, badRequest, ClientGone, type FieldFault, tryAgain } from '../errors.ts';
import { decoded, encodingsOf, type Pieces } from './content-encoding.ts';
import { requireJsonType } from './content-type.ts';
import { unsupportedFields } from './fields/schema.ts';
import { withoutNulls } from './fields/schema-walk.ts';
import { issueFaults, unsupportedFault } from './issues.ts';
import { mayHoldLoneSurrogate, refuseLoneSurrogates, textOf } from './request-text.ts';

/** Values outside `prompt` and `tokens` that a request may hold; keeps the cost of checking one bounded. */
const MOST_VALUES = 50_000;
/** Numbers and texts of lists, ids of a prompt above all. */
const MOST_ENTRIES = 2_500_000;
/** A JSON text of so many code units is parsed in a few milliseconds whatever it holds. */
const SHORT = 256 * 1024;

/**
 * The body as text, of at most `most` bytes as it is sent and when it is decoded; a body that says it is larger is not read at
 * all. What arrives is counted in `holding`. Throws a 415 unless it is JSON in an encoding that is known, and a 429 if it needs
 * more memory than there is.
 */
export async function readBody(request: Request, most: number, holding?: Holding): Promise<string> {
  const { headers } = request;
  requireJsonType(headers.get('content-type'));
  const encodings = encodingsOf(headers.get('content-encoding'));
  if (Number(headers.get('content-length') ?? 0) > most) throw tooLarge(most);
  let pieces: Pieces = limited(received(request), most);
  for (const encoding of encodings.reverse()) pieces = limited(decoded(pieces, encoding), most);
  const all: Uint8Array[] = [];
  for await (const piece of pieces) {
    if (holding?.grow(HELD * piece.length) === false) throw memoryTaken();
    all.push(piece);
  }
  return textOf(Buffer.concat(all));
}

/** Whoever touches `body` must read it to its end: the server cuts the connection otherwise, perhaps within the next request. */
async function* received(request: Request): AsyncGenerator<Uint8Array> {
  const reader = request.body?.getReader();
  if (reader === undefined) return;
  try {
    while (true) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new ClientGone({ cause });
      });
      if (done) return;
      yield value;
    }
  } finally {
    void discardRest(reader);
  }
}

async function discardRest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // Cut, or gone: nothing is left to discard.
  }
}

async function* limited(pieces: Pieces, most: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > most) throw tooLarge(most);
    yield piece;
  }
}

function tooLarge(most: number): ApiError {
  const message = `The body of your request is larger than the ${most} bytes that this server takes.`;
  return new ApiError({ status: 413, message, code: 'request_too_large' });
}

/** The body's fields, `null` ones left out. Throws an ApiError. */
export function parseJson(text: string): Record<string, unknown> {
  if (text.length > SHORT) refuseManyMembers(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = errorText(error);
    throw badRequest(`We could not parse the JSON body of your request: ${why}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest('The body of your request must be a JSON object.');
  }
  if (mayHoldLoneSurrogate(text)) refuseLoneSurrogates(value);
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

const [QUOTE, BACKSLASH, COLON, COMMA, BRACKET, BRACE] = [...'"\\:,[{'].map((sign) => sign.charCodeAt(0));

/**
 * Throws a 400 before parsing would take long: objects with very many members are what takes V8 longest. Counts the signs
 * outside of strings; a text that is no JSON is left to the parser.
 */
function refuseManyMembers(text: string): void {
  let [members, entries] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at);
    if (sign === QUOTE) {
      at = stringEnd(text, at);
      continue;
    }
    if (sign === COLON || sign === BRACKET || sign === BRACE) members++;
    else if (sign === COMMA) entries++;
  }
  if (members > 2 * MOST_VALUES || entries > MOST_ENTRIES) throw manyValues();
}

/** Where the string that begins at `from` ends. */
function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

function manyValues(): ApiError {
  return badRequest(`Your request holds more than ${MOST_VALUES} values.`, { code: 'too_many_values' });
}

/** Bytes in memory for each byte of a body: as it came, and as text. What is parsed of it takes about as much as the former. */
const HELD = 2;

function memoryTaken(): ApiError {
  const message =
    "The gateway's memory for requests is taken for now, or your key's part of it. Try again, or send fewer large requests at once.";
  return tryAgain(message, 'request_memory');
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
  const refused = Object.entries(fields).flatMap(([name, value]) => {
    const needs = Object.hasOwn(unsupported, name) ? unsupported[name] : undefined;
    return needs === undefined ? [] : refusal(name, value, needs);
  });
  const rest = Object.entries(fields).filter(([name]) => !Object.hasOwn(unsupported, name));
  const supported = withoutNulls(schema, Object.fromEntries(rest));
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
  throw manyValues();
}

/** Of a known but unsupported field; none if its value asks for nothing, as `neutral` ones do (JSON text). */
function refusal(name: string, value: unknown, neutral: readonly string[]): FieldFault[] {
  // Only what is small can be neutral; JSON.stringify fails on what is deep.
  const small = typeof value !== 'object' || value === null || countValues(value, 2) <= 2;
  if (small && neutral.includes(JSON.stringify(value))) return [];
  return [{ ...unsupportedFault(name, neutral), param: name }];
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
