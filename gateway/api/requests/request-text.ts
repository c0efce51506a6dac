// Checks that the bytes of a request are UTF-8 and that its strings contain no lone surrogates. JSON can write lone surrogates as
// escapes, but UTF-8 cannot encode them. All code that reads strings of a request relies on this check.
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

/** Index of the first invalid byte: the first that differs after the bytes are decoded to a string and encoded again. */
function firstFault(bytes: Buffer): number {
  const again = Buffer.from(bytes.toString('utf8'));
  let at = 0;
  while (at < bytes.length && bytes[at] === again[at]) at++;
  return at;
}

const anySurrogateEscape = /\\u[dD][89a-fA-F]/;

/** Whether JSON text may contain a lone surrogate. Text that was decoded from UTF-8 can contain one only as an escape. */
export function mayHoldLoneSurrogate(json: string): boolean {
  return anySurrogateEscape.test(json);
}

/** Throws a 400 if the JSON text in the field `name` contains a lone surrogate. Text that is not JSON is not checked. */
export function refuseLoneSurrogatesIn(json: string, name: string): void {
  if (!mayHoldLoneSurrogate(json)) return;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return; // the code that reads the field refuses invalid JSON
  }
  refuseLoneSurrogates(value, [name]);
}

/** A value within a request, and its path. */
interface Place {
  value: unknown;
  key: PropertyKey;
  above: Place | undefined;
}

/** Throws a 400 that names the first field within `root` whose text or name contains a lone surrogate. Does not recurse. */
export function refuseLoneSurrogates(root: unknown, rootPath: readonly PropertyKey[] = []): void {
  const open: Place[] = [{ value: root, key: '', above: undefined }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value } = place;
    if (typeof value === 'string') {
      if (!value.isWellFormed()) throw loneSurrogate(value, [...rootPath, ...pathOf(place)]);
    } else if (Array.isArray(value)) {
      for (let at = value.length - 1; at >= 0; at--) {
        const item: unknown = value[at];
        if (mayContainText(item)) open.push({ value: item, key: at, above: place });
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value).reverse()) {
        const inside = { value: item as unknown, key, above: place };
        if (!key.isWellFormed()) throw loneSurrogate(key, [...rootPath, ...pathOf(inside)]);
        if (mayContainText(item)) open.push(inside);
      }
    }
  }
}

/** Numbers, booleans and null contain no text. */
function mayContainText(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'object' && value !== null);
}

/** Largest number of keys in a path that an error names. Further keys are left out. */
const LONGEST_PATH = 30;

function pathOf(place: Place): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let at = place; at.above !== undefined; at = at.above) path.push(at.key);
  return path.reverse().slice(0, LONGEST_PATH);
}

function loneSurrogate(text: string, path: readonly PropertyKey[]) {
  const at = text.search(/\p{Surrogate}/u); // with the flag u, the halves of a whole character do not match
  const code = text.charCodeAt(at).toString(16).toUpperCase();
  const name = parameterName(path).toWellFormed();
  const message = `Invalid '${name}': its text has the lone surrogate U+${code} at position ${at}, which is half of a character. Send whole characters.`;
  return badRequest(message, { ...(name !== '' && { param: name }), code: 'lone_surrogate' });
}
