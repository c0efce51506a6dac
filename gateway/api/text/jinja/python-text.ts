// Operations of Python's str type, for the methods and filters of templates.
import { TemplateError } from './values.ts';

/** Characters that Python's str methods count as white space. */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const leadingSpace = new RegExp(`^[${SPACE}]+`);
const oneSpace = new RegExp(`[${SPACE}]`);
const word = new RegExp(`[^${SPACE}]+`, 'g');
export const onlySpace = new RegExp(`^[${SPACE}]+$`);

/** Uses a loop, because a pattern that ends in `+$` takes quadratic time if there is long white space inside the text. */
function withoutTrailingSpace(text: string): string {
  let end = text.length;
  while (end > 0 && oneSpace.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

export type Side = 'left' | 'right' | 'both';

/** Strips the characters in `chars`, or white space if `chars` is undefined. */
export function strip(text: string, chars: string | undefined, side: Side): string {
  if (chars === undefined) {
    const begun = side === 'right' ? text : text.replace(leadingSpace, '');
    return side === 'left' ? begun : withoutTrailingSpace(begun);
  }
  const set = new Set(chars);
  const kept = [...text];
  let [from, to] = [0, kept.length];
  while (side !== 'right' && from < to && set.has(kept[from] ?? '')) from++;
  while (side !== 'left' && to > from && set.has(kept[to - 1] ?? '')) to--;
  return kept.slice(from, to).join('');
}

export function capitalize(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** As in `str.title`, a letter begins a word unless a letter precedes it. */
export function title(text: string): string {
  return text.replace(
    /\p{L}[\p{L}\p{M}]*/gu,
    (word) => String(word).charAt(0).toUpperCase() + word.slice(1).toLowerCase(),
  );
}

/** Splits at most `most` times (-1: no limit), at `separator` or, if it is undefined, at white space. */
export function split(text: string, separator: string | undefined, most: number): string[] {
  if (separator === '') throw new TemplateError('empty separator');
  if (separator !== undefined) {
    const parts = text.split(separator);
    if (most < 0 || parts.length <= most + 1) return parts;
    return [...parts.slice(0, most), parts.slice(most).join(separator)];
  }
  const words = [...text.matchAll(word)];
  if (most < 0 || words.length <= most) return words.map(([found]) => found);
  return [...words.slice(0, most).map(([found]) => found), text.slice(words[most]?.index)];
}

/** Splits from the right. The result differs from that of `split` only if `most` limits the number of parts. */
export function rsplit(text: string, separator: string | undefined, most: number): string[] {
  const reverse = (part: string) => [...part].reverse().join('');
  const parts = split(reverse(text), separator === undefined ? undefined : reverse(separator), most);
  return parts.map(reverse).reverse();
}

const LINE_END = '\\r\\n|[\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029]';
const lineEnd = new RegExp(LINE_END);
const lineWithEnd = new RegExp(`(?<=${LINE_END})(?<!\\r(?=\\n))`);

/** Splits at Python's line ends. A line end at the end of the text begins no further line. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines = text.split(keepEnds ? lineWithEnd : lineEnd);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Replaces the first `most` occurrences of `old` (-1: all). */
export function replace(text: string, old: string, by: string, most: number): string {
  if (most < 0) return old === '' ? ['', ...text, ''].join(by) : text.split(old).join(by);
  const parts = old === '' ? ['', ...text, ''] : text.split(old);
  const joined = parts.slice(0, most + 1).join(by);
  return [joined, ...parts.slice(most + 1)].join(old);
}

/** Whether the text contains letters with a case, and all of them have the case that the method `to` gives. */
export function isCased(text: string, to: 'toLowerCase' | 'toUpperCase'): boolean {
  return text === text[to]() && text.toLowerCase() !== text.toUpperCase();
}
