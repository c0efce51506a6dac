// Finds tags and other fixed texts in text that arrives in pieces.

/**
 * Largest number of code units that are held back because a tag or a tool's name may follow. The limit bounds the work, because held
 * text is read again with each new piece. White space beyond the limit is text. If a tool's name is not complete within the
 * limit, the tag before it is content.
 */
export const MOST_HELD = 1_000;

/**
 * `clear` is the number of code units before the tag, or before an incomplete tag at the end of the text. White space directly
 * before the tag is not counted. `tagAt` is the index of the tag, if the tag is complete. There is no empty tag.
 */
export function untilTag(text: string, tag: string): { clear: number; tagAt: number | undefined } {
  if (tag === '') return { clear: text.length, tagAt: undefined };
  const at = text.indexOf(tag);
  const open = at >= 0 ? at : text.length - openingLength(text, tag);
  const clear = Math.max(text.slice(0, open).trimEnd().length, open - MOST_HELD);
  return { clear, tagAt: at >= 0 ? at : undefined };
}

/** Length of the longest suffix of `text` that is a proper prefix of `tag`. */
export function openingLength(text: string, tag: string): number {
  for (let length = Math.min(text.length, tag.length - 1); length > 0; length--) {
    if (text.endsWith(tag.slice(0, length))) return length;
  }
  return 0;
}

export function withoutOpening(text: string, tag = ''): string {
  return text.slice(0, text.length - openingLength(text, tag));
}

export function spaceBefore(text: string): number {
  return text.length - text.trimStart().length;
}

/** How far a text agrees with a fixed text: up to this index, or as far as it goes (`more`), or not (`no`). */
export type Match = number | 'more' | 'no';

/** White space may stand next to these characters. */
const PUNCTUATION = '{}[],:';

/**
 * Matches a fixed text from the index `from` on. White space of the fixed text may have any length, even none. Further white space may
 * come before the fixed text and next to punctuation of JSON.
 */
export function matchFixed(text: string, fixed: string, from = 0): Match {
  let at = from;
  const skip = () => {
    while (at < text.length && text.charAt(at).trim() === '') at++;
  };
  for (let i = 0; i < fixed.length; i++) {
    const char = fixed.charAt(i);
    const loose = i === 0 || PUNCTUATION.includes(char) || PUNCTUATION.includes(fixed.charAt(i - 1));
    if (loose || char.trim() === '') skip();
    if (char.trim() === '') continue;
    if (at >= text.length) return 'more';
    if (text.charAt(at) !== char) return 'no';
    at++;
  }
  return at;
}

/** Like `matchFixed`, but white space must come exactly as in the fixed text. */
export function matchExactly(text: string, fixed: string, from = 0): Match {
  const given = text.slice(from, from + fixed.length);
  if (given === fixed) return from + fixed.length;
  return fixed.startsWith(given) ? 'more' : 'no';
}
