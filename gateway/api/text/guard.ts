// Puts a mark into each name of a special token in the client's text, so that the name does not become that token.
import type { SpecialNames } from './special-names.ts';

/** 32 of Unicode's noncharacters (chapter 23.7). Texts should not contain them. */
const noncharacters = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i));
const anyNoncharacter = /[\ufdd0-\ufdef]/;

/**
 * Keys that templates look up in tools and documents. Such a key gets no marks at its edges, because the template would not
 * find a key with marks.
 */
const lookedUp = new Set(
  (
    'type function name description parameters properties required items enum default format title anyOf oneOf allOf ' +
    'additionalProperties minimum maximum pattern examples nullable const text content contents id url source doc_id'
  ).split(' '),
);

/** Puts marks into the JSON values of one conversation. */
export class Guard {
  /** Breaks up names: the first noncharacter that is not in `values`. Removed after the template's special tokens have been found. */
  readonly mark: string;
  /** A second character that `values` do not contain. It marks the end of the final message. */
  readonly seam: string;
  readonly #names: SpecialNames;

  /** `values` are the conversation and the template. Throws a RangeError if they contain more than 30 of the 32 noncharacters. */
  constructor(values: unknown, names: SpecialNames) {
    this.#names = names;
    let unwritten = noncharacters;
    for (const text of stringsOf(values)) {
      if (anyNoncharacter.test(text)) unwritten = unwritten.filter((char) => !text.includes(char));
    }
    const [mark, seam] = unwritten;
    if (mark === undefined || seam === undefined) {
      throw new RangeError('the text contains all noncharacters from U+FDD0 to U+FDEF, or all but one');
    }
    this.mark = mark;
    this.seam = seam;
  }

  /** Returns a JSON value with marks in all of its strings and keys. Recurses, so the depth must be bounded. */
  value<Value>(value: Value): Value;
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item: unknown) => this.value(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.#key(key), this.value(item)]));
  }

  /** Breaks up each name of a special token in the text, and each name that the text could form with text before or after it. */
  text(text: string): string {
    const breaks = new Set(this.#names.within(text));
    const core = text.trim();
    const start = text.indexOf(core);
    if (core.length > 0 && this.#names.completedBy(core)) breaks.add(start);
    if (core.length > 0 && this.#names.begunBy(core)) breaks.add(start + core.length);
    return this.#insert(text, breaks);
  }

  #key(key: string): string {
    return lookedUp.has(key) ? this.#insert(key, new Set(this.#names.within(key))) : this.text(key);
  }

  #insert(text: string, breaks: ReadonlySet<number>): string {
    const places = [...breaks].sort((a, b) => a - b);
    const pieces = places.map((place, i) => text.slice(places[i - 1] ?? 0, place));
    return [...pieces, text.slice(places.at(-1) ?? 0)].join(this.mark);
  }
}

/** Every string of a JSON value, including keys. */
function* stringsOf(value: unknown): Generator<string> {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string') yield next;
    else if (typeof next === 'object' && next !== null) {
      if (!Array.isArray(next)) yield* Object.keys(next);
      for (const item of Object.values(next)) open.push(item);
    }
  }
}
