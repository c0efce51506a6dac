// What a request says is text, checked once: its bytes are UTF-8, and its strings have no lone surrogates, which JSON can
// write as escapes and UTF-8 cannot. Whatever reads a request's strings may rely on it.
import { badRequest } from '../errors.ts';
import { parameterName } from './fields/schema.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The bytes as text, without a byte order mark. Throws a 400 if they are not UTF-8. */
export function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    const message = `The body of your request is not UTF-8: byte ${firstFault(bytes)} is part of no character. Send JSON in UTF-8.`;
    throw badRequest(message, { code: 'invalid_utf8' });
  }
}

/** Where reading the bytes leniently and writing them again first gives another byte. */
function firstFault(bytes: Buffer): number {
  const again = Buffer.from(bytes.toString('utf8'));
  let at = 0;
  while (at < bytes.length && bytes[at] === again[at]) at++;
  return at;
}

const anySurrogateEscape = /\\u[dD][89a-fA-F]/;

/** Whether JSON text may hold a lone surrogate. Without such an escape it holds none: it was read from UTF-8. */
export function mayHoldLoneSurrogate(json: string): boolean {
  return anySurrogateEscape.test(json);
}

/** The same for JSON that is the text of the field `name`. What is no JSON is not looked at. */
export function refuseLoneSurrogatesIn(json: string, name: string): void {
  if (!mayHoldLoneSurrogate(json)) return;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return; // whoever reads it says so
  }
  refuseLoneSurrogates(value, [name]);
}

/** A value within a request, and where it is. */
interface Place {
  value: unknown;
  key: PropertyKey;
  above: Place | undefined;
}

/** Throws a 400 that names the first field below `root` whose text, or whose name, holds a lone surrogate. Does not recurse. */
export function refuseLoneSurrogates(root: unknown, rootPath: readonly PropertyKey[] = []): void {
  const open: Place[] = [{ value: root, key: '', above: undefined }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value } = place;
    if (typeof value === 'string') {
      if (!value.isWellFormed()) throw loneSurrogate(value, [...rootPath, ...pathOf(place)]);
    } else if (Array.isArray(value)) {
      for (let at = value.length - 1; at >= 0; at--) {
        const item: unknown = value[at];
        if (isOpen(item)) open.push({ value: item, key: at, above: place });
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value).reverse()) {
        const inside = { value: item as unknown, key, above: place };
        if (!key.isWellFormed()) throw loneSurrogate(key, [...rootPath, ...pathOf(inside)]);
        if (isOpen(item)) open.push(inside);
      }
    }
  }
}

/** Numbers, booleans and null hold no text. */
function isOpen(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'object' && value !== null);
}

/** Steps of a path that an error tells, at most. */
const LONGEST_PATH = 30;

function pathOf(place: Place): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let at = place; at.above !== undefined; at = at.above) path.push(at.key);
  return path.reverse().slice(0, LONGEST_PATH);
}

function loneSurrogate(text: string, path: readonly PropertyKey[]) {
  const at = text.search(/\p{Surrogate}/u); // with the flag u, halves of whole characters are none
  const code = text.charCodeAt(at).toString(16).toUpperCase();
  const name = parameterName(path).toWellFormed();
  const message = `Invalid '${name}': its text has the lone surrogate U+${code} at position ${at}, half of a character. Send whole characters.`;
  return badRequest(message, { ...(name !== '' && { param: name }), code: 'lone_surrogate' });
}
