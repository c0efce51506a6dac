// From a request's bytes to checked fields: JSON, then the schema, then errors in OpenAI's words.

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

/** Largest number of values outside `prompt` and `tokens` in one request. It bounds the cost of checking the request. */
const MOST_VALUES = 50_000;
/** Largest number of list entries in one request. Most of them are the ids of a prompt. */
const MOST_ENTRIES = 2_500_000;
/** Code units of a JSON text that is parsed within a few milliseconds, whatever it holds. */
const SHORT = 256 * 1024;

/**
 * The body as text. Its limit of `most` bytes holds both for what is sent and for what is decoded. A body whose content-length is
 * larger is not read at all. `holding` counts the bytes that arrive. Throws a 415 for other media types and unknown encodings,
 * and a 429 if the body needs more memory than is free.
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

/** A body that is touched must be read to its end: otherwise the server cuts the connection, perhaps during the next request. */
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
    // The connection is gone, so nothing is left to discard.
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
  const message = `The body of your request is larger than this server's limit of ${most} bytes.`;
  return new ApiError({ status: 413, message, code: 'request_too_large' });
}

/** The body's fields without those that are `null`. Throws an ApiError. */
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
 * Throws a 400 for a text that V8 would take long to parse, which is mostly objects with very many members. Counts the signs
 * outside of strings and leaves invalid JSON to the parser.
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

/** Index at which the string that begins at `from` ends. */
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

/** Bytes in memory for each byte of a body, which is held as bytes and as text. The parsed value replaces the bytes. */
const HELD = 2;

function memoryTaken(): ApiError {
  const message =
    "The gateway's memory for requests, or your key's share of it, is in use. Try again, or send fewer large requests at once.";
  return tryAgain(message, 'request_memory');
}

/** Largest number of faults that one error lists. */
const MOST_FAULTS = 50;

/** The fields as `schema` parses them. Throws one 400 that names every field that is unknown, unsupported or invalid. */
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

/** Throws a 400 if checking the fields would take long. */
export function refuseManyValues({
  prompt: _prompt,
  tokens: _tokens,
  ...small
}: Record<string, unknown>): void {
  if (countValues(small, MOST_VALUES) <= MOST_VALUES) return;
  throw manyValues();
}

/** The fault of an unsupported field; none if its value is one of the `neutral` ones (JSON text), which ask for nothing. */
function refusal(name: string, value: unknown, neutral: readonly string[]): FieldFault[] {
  // Neutral values are small, and JSON.stringify fails on deep ones.
  const small = typeof value !== 'object' || value === null || countValues(value, 2) <= 2;
  if (small && neutral.includes(JSON.stringify(value))) return [];
  return [{ ...unsupportedFault(name, neutral), param: name }];
}

/** Counts without recursion, because a value may be deep, and stops past `most`. */
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
