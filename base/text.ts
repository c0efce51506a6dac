// Makes texts from peers and users safe for messages and logs: cuts long texts, and replaces characters that control a terminal or
// break a line. Pure.

/** Control characters (C0 and C1), line and paragraph separators, and characters that change the direction of writing. */
const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const everyUnprintable = new RegExp(unprintable, 'gu');

export function isPrintable(text: string): boolean {
  return !unprintable.test(text);
}

/** A text for a log line: at most `most` characters, with `�` in place of every character that is not printable. */
export function printable(text: string, most: number): string {
  const cut = text.length > most ? `${text.slice(0, most - 1)}…` : text;
  return cut.toWellFormed().replace(everyUnprintable, '\ufffd');
}

/** The text in quotation marks, cut to `most` characters and escaped, for an error message. */
export function quoted(text: string, most = 60): string {
  return JSON.stringify(printable(text, most));
}

/** Describes any value in a few words, for error messages. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined) return 'nothing';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `an array of ${value.length}` : 'a map';
}
