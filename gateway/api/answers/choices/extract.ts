// Extracts the answer for which a choice votes from the choice's text. Pure. Two texts that mean the same answer give the same string.

/** Returns undefined if the text contains no answer. Its time is proportional to the length of the text. */
export type Extract = (text: string) => string | undefined;

/** Longer texts are not read as JSON, because `JSON.parse` cannot be interrupted. In UTF-16 code units. */
const LONGEST_JSON = 64 * 1024;

/** Deeper values are not written as JSON, because writing them recurses. */
const DEEPEST = 100;

/** Most zeros that a number is written with before or after its digits. */
const MOST_ZEROS = 40;

/** Largest length of an extractor's name, with the argument after its colon. */
export const LONGEST_EXTRACTOR = 64;

const plain: Readonly<Record<string, Extract>> = {
  text: (text) => filled(text.trim()),
  first_line: firstLine,
  last_line: (text) => filled(text.trimEnd().split('\n').at(-1)?.trim()),
  last_number: lastNumber,
  json: (text) => jsonAnswer(text, []),
};

/** Extractors whose name continues with a colon and an argument. */
const withArgument: Readonly<Record<string, (argument: string) => Extract>> = {
  json: (path) => (text) => jsonAnswer(text, path.split('.')),
  after: (mark) => (text) => {
    const at = text.lastIndexOf(mark);
    return at < 0 ? undefined : firstLine(text.slice(at + mark.length));
  },
};

/** The forms that a name may have, for errors and descriptions. */
export const extractorForms = [
  'text',
  'first_line',
  'last_line',
  'last_number',
  'json',
  'json:PATH',
  'after:MARK',
];

/** The extractor with this name. Undefined: there is none. */
export function extractorOf(name: string): Extract | undefined {
  if (Object.hasOwn(plain, name)) return plain[name];
  const colon = name.indexOf(':');
  const [head, argument] = [name.slice(0, Math.max(colon, 0)), name.slice(colon + 1)];
  return argument !== '' && Object.hasOwn(withArgument, head) ? withArgument[head]?.(argument) : undefined;
}

/** An empty answer is none. */
function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** The first line that is not blank. */
function firstLine(text: string): string | undefined {
  const rest = text.trimStart();
  const end = rest.indexOf('\n');
  return filled((end < 0 ? rest : rest.slice(0, end)).trimEnd());
}

/** A minus sign belongs to the number unless it follows a letter, a digit or a bracket, as in `10-4`. Commas group thousands. */
const numbers =
  /(?<minus>(?<![\w.)\]])[-\u2212])?(?:(?<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.(?<part>\d+))?|\.(?<only>\d+))(?<power>[eE][-+]?\d+)?/g;

function lastNumber(text: string): string | undefined {
  let last: RegExpMatchArray | undefined;
  for (const match of text.matchAll(numbers)) last = match;
  if (last?.groups === undefined) return undefined;
  const { minus, whole = '', part, only, power } = last.groups;
  const value = decimal(whole.replaceAll(',', ''), part ?? only ?? '', Number(power?.slice(1) ?? 0));
  return minus !== undefined && value !== '0' ? `-${value}` : value;
}

/** The one form of the value `whole.fraction` times ten to the `power`. It has an exponent if it would have many zeros without one. */
function decimal(whole: string, fraction: string, power: number): string {
  const significant = (whole + fraction).replace(/^0+/, '');
  const digits = withoutLastZeros(significant);
  if (digits === '') return '0';
  const point = significant.length - fraction.length + power; // its place among the digits
  if (point < -MOST_ZEROS || point - digits.length > MOST_ZEROS) {
    const rest = digits.length > 1 ? `.${digits.slice(1)}` : '';
    return `${digits[0]}${rest}e${point - 1}`;
  }
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return digits.padEnd(point, '0');
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A regular expression would take quadratic time for zeros that another digit follows. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}

/** A string that is a number in JSON. */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

/** The value at `path` within the JSON value that the whole text is. Strings vote with their own text, so "4.0" and 4 are equal. */
function jsonAnswer(text: string, path: readonly string[]): string | undefined {
  let value = parsed(text);
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = Reflect.get(value, name);
  }
  if (typeof value !== 'string' && !Number.isFinite(value)) return sortedJson(value);
  const shown = String(value).trim();
  return jsonNumber.test(shown) ? lastNumber(shown) : filled(shown);
}

/** The JSON value in one fixed form: without white space, and with sorted names. Undefined if the text is not JSON, too long or too deep. */
export function canonicalJson(text: string): string | undefined {
  return sortedJson(parsed(text));
}

function parsed(text: string): unknown {
  if (text.length > LONGEST_JSON) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // A text that is not JSON has no answer, like any other text without one.
  }
}

function sortedJson(value: unknown, depth = 0): string | undefined {
  if (depth > DEEPEST || value === undefined) return undefined;
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined; // such as 1e400
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const entries = isList ? [...value.entries()] : Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  const written: string[] = [];
  for (const [name, inner] of entries) {
    const text = sortedJson(inner, depth + 1);
    if (text === undefined) return undefined;
    written.push(isList ? text : `${JSON.stringify(name)}:${text}`);
  }
  return isList ? `[${written.join(',')}]` : `{${written.join(',')}}`;
}
