// Makes up a vocabulary of 200,000 tokens that resembles those of large byte-level tokenizers: words of several scripts
// with and without a space before them, numbers, punctuation, white space and parts of characters.
import { uniform } from '../../test/support/random.ts';

/** Ranges of code points: Cyrillic, Greek, Arabic, Devanagari, Chinese, Hiragana, Korean, accented Latin. */
const alphabets: readonly (readonly [first: number, count: number])[] = [
  [0x430, 32],
  [0x3b1, 24],
  [0x627, 28],
  [0x905, 40],
  [0x4e00, 3000],
  [0x3041, 80],
  [0xac00, 2000],
  [0xe0, 30],
];
const PUNCTUATION = '",:{}[].;()\n \t/\\-=<>\'*#_!?';
const ENDINGS = ['ing', 'ed', '_', '(', '"', '":', 'ation', ',', '.'];

/** Bytes of each id. The last id has no bytes: it ends an answer. */
export function largeVocabulary(size = 200_000): Uint8Array[] {
  const random = uniform(12345);
  const below = (count: number) => Math.floor(random() * count);
  const one = (of: string | readonly string[]) => of[below(of.length)] ?? '';
  const seen = new Set<string>();
  const tokens: Uint8Array[] = [];
  const add = (bytes: Uint8Array) => {
    const key = Buffer.from(bytes).toString('latin1');
    if (!seen.has(key)) tokens.push(bytes);
    seen.add(key);
  };
  for (let byte = 0; byte < 256; byte++) add(Uint8Array.of(byte));
  for (let number = 0; number < 1000; number++) {
    for (const width of [1, 2, 3]) add(Buffer.from(String(number).padStart(width, '0')));
  }
  for (let width = 1; width < 80; width++) for (const space of ' \n') add(Buffer.from(space.repeat(width)));
  for (let i = 0; i < 6000; i++)
    add(Buffer.from(Array.from({ length: 2 + below(4) }, () => one(PUNCTUATION)).join('')));
  const word = () =>
    Array.from(
      { length: 1 + below(4) },
      () => one('bcdfghjklmnpqrstvwxyz') + one('aeiou') + one(['', 'n', 'r', 's']),
    ).join('');
  const latin = () => {
    const text = below(4) === 0 ? word().replace(/^./, (letter) => letter.toUpperCase()) : word();
    return text + (below(12) === 0 ? one(ENDINGS) : '');
  };
  const other = () => {
    const [first, count] = alphabets[below(alphabets.length)] ?? [0xe0, 30];
    return Array.from({ length: 1 + below(6) }, () => String.fromCodePoint(first + below(count))).join('');
  };
  while (tokens.length < size - 1) {
    const isLatin = below(100) < 65;
    const bytes = Buffer.from((below(2) === 0 ? ' ' : '') + (isLatin ? latin() : other()));
    add(!isLatin && below(10) === 0 ? bytes.subarray(0, -1) : bytes);
  }
  return [...tokens, new Uint8Array(0)];
}
