// Turns the bytes of a request into checked fields: reads the body, parses the JSON, applies a schema, and reports all faults.

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

/** Largest number of values outside `prompt` and `tokens` in one request. The limit bounds the cost of checking the request. */
const MOST_VALUES = 50_000;
/** Largest number of list entries in one request. Most of these entries are token ids of a prompt. */
const MOST_ENTRIES = 2_500_000;
/** Largest JSON text, in code units, that V8 parses within a few milliseconds whatever the text contains. */
const SHORT = 256 * 1024;

/**
 * Returns the body as text. `most` limits both the encoded and the decoded bytes; beyond it the answer is a 413. A body whose
 * content-length exceeds `most` is not read at all. `holding` counts the memory of the bytes that arrive; if that memory is not
 * free, the answer is a 429. Throws a 415 for other media types and for unknown encodings.
 */
export async function readBody(request: Request, most: number, holding?: Holding): Promise<string> {
  const { headers } = request;
  requireJsonType(headers.get('content-type'));
  const encodings = encodingsOf(headers.get('content-encoding'));
  if (Number(headers.get('content-length') ?? 0) > most) throw tooLarge(most);
  let pieces: Pieces = limited(received(request), most);
  for (const encoding of encodings.reverse()) pieces = limited(decoded(pieces, encoding), most);
  return textOf(await joined(pieces, holding));
}

/** The bytes of the body as they were sent. Throws as `readBody` does for a body that is too large or whose memory is not free. */
export async function readBytes(
  request: Request,
  most: number,
  holding: Holding,
): Promise<Buffer<ArrayBuffer>> {
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge(most);
  return await joined(limited(received(request), most), holding);
}

async function joined(pieces: Pieces, holding: Holding | undefined): Promise<Buffer<ArrayBuffer>> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) {
    if (holding?.grow(BYTES_PER_BYTE * piece.length) === false) throw memoryTaken();
    all.push(piece);
  }
  return Buffer.concat(all);
}

/** Reads the whole body even if its consumer stops early. Otherwise the server would cut the connection after the answer. */
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

/** The fields of the body, without fields that are `null`. Throws a 400 if the text is not a JSON object. */
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
 * Throws a 400 for a text that V8 would take long to parse, such as an object with very many members. Counts the separators outside
 * of strings. Does not check whether the JSON is valid, because the parser does.
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

/** Index of the quote that ends the string which begins at `from`. The length of the text if no quote does. */
function stringEnd(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

function manyValues(): ApiError {
  return badRequest(`Your request contains more than ${MOST_VALUES} values.`, { code: 'too_many_values' });
}

/** Bytes of memory counted for each byte of a body. Its bytes and text are in memory first, later its text and parsed value. */
const BYTES_PER_BYTE = 2;

function memoryTaken(): ApiError {
  const message =
    "The gateway's memory for requests, or your key's share of it, is in use. Try again, or send fewer large requests at once.";
  return tryAgain(message, 'request_memory');
}

/** Largest number of faults that one error lists. */
const MOST_FAULTS = 50;

/** The fields after `schema` has parsed them. Throws one 400 that names every field that is unknown, unsupported or invalid. */
export function parseFields<Schema extends z.ZodType>(
  schema: Schema,
  fields: Record<string, unknown>,
  { unsupported = unsupportedFields }: { unsupported?: typeof unsupportedFields } = {},
): z.infer<Schema> {
  refuseManyValues(fields);
  const faults = Object.entries(fields).flatMap(([name, value]) => {
    const neutral = Object.hasOwn(unsupported, name) ? unsupported[name] : undefined;
    return neutral === undefined ? [] : refusal(name, value, neutral);
  });
  const rest = Object.entries(fields).filter(([name]) => !Object.hasOwn(unsupported, name));
  const supported = withoutNulls(schema, Object.fromEntries(rest));
  const parsed = schema.safeParse(supported);
  for (const fault of issueFaults(parsed.error?.issues ?? [], supported)) {
    if (faults.length === MOST_FAULTS) break;
    faults.push(fault);
  }
  const [first, ...others] = faults;
  if (first !== undefined) throw badFields([first, ...others]);
  return parsed.data as z.infer<Schema>;
}

/** Throws a 400 if the fields contain so many values that checking them would take long. */
export function refuseManyValues(fields: Record<string, unknown>): void {
  const { prompt: _prompt, tokens: _tokens, ...small } = fields;
  if (countValues(small, MOST_VALUES) > MOST_VALUES) throw manyValues();
}

/** The fault of an unsupported field. Empty if the value is one of `neutral` (JSON texts), which do not change the answer. */
function refusal(name: string, value: unknown, neutral: readonly string[]): FieldFault[] {
  // Only small values can be neutral, and JSON.stringify fails on deep values.
  const small = typeof value !== 'object' || value === null || countValues(value, 2) <= 2;
  if (small && neutral.includes(JSON.stringify(value))) return [];
  return [{ ...unsupportedFault(name, neutral), param: name }];
}

/** Number of values within `root` at all depths. Stops counting beyond `most`. Does not recurse, because a value may be deep. */
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
