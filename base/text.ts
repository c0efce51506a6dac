// Makes texts of peers and users safe for messages and logs: cut to a length, and without characters that would control a terminal or
// break a line. Pure.

/** Control characters (C0 and C1), line and paragraph separators, and characters that change the direction of writing. */
const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const everyUnprintable = new RegExp(unprintable, 'gu');

export function isPrintable(text: string): boolean {
  return !unprintable.test(text);
}

/** For a log line: `�` in place of every character that is not printable, and at most `most` characters. */
export function printable(text: string, most: number): string {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  return cut.toWellFormed().replace(everyUnprintable, '\ufffd');
}

/** In quotation marks, cut and escaped, for an error message about the text. */
export function quoted(text: string, most = 60): string {
  return JSON.stringify(printable(text, most));
}

/** A short text for any value, for an error message about it. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `an array of ${value.length}` : 'a map';
}
