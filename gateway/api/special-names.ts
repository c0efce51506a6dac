// The names of a tokenizer's special tokens, ready to be looked for in what callers wrote. Knows no conversation.
import type { AddedToken, Tokenizer } from './tokenizer.ts';

const known = new WeakMap<Tokenizer, SpecialNames>();

/** Made once for each tokenizer: some have a thousand special tokens, and a request a thousand strings. */
export function specialNames(tokenizer: Tokenizer): SpecialNames {
  const made = known.get(tokenizer) ?? new SpecialNames(tokenizer.added);
  known.set(tokenizer, made);
  return made;
}

export class SpecialNames {
  /** Longest first, so that of two that begin alike the longer is taken. A name of one character cannot be broken up: it stays text. */
  readonly tokens: readonly AddedToken[];
  readonly #names: readonly string[];
  readonly #firsts: ReadonlySet<string>;
  /** Proper ends and beginnings of names. */
  readonly #tails = new Set<string>();
  readonly #heads = new Set<string>();
  readonly #longest: number;

  constructor(added: readonly AddedToken[]) {
    this.tokens = added
      .filter((token) => token.special && token.content.length > 1)
      .sort((a, b) => b.content.length - a.content.length);
    this.#names = this.tokens.map(({ content }) => content);
    this.#firsts = new Set(this.#names.map((name) => name[0]));
    this.#longest = this.#names[0]?.length ?? 0;
    for (const name of this.#names) {
      for (let cut = 1; cut < name.length; cut++) {
        this.#tails.add(name.slice(cut));
        this.#heads.add(name.slice(0, cut));
      }
    }
  }

  /** Places in `text` right after the first character of each name in it. */
  *within(text: string): Generator<number> {
    if (![...this.#firsts].some((first) => text.includes(first))) return;
    for (const name of this.#names) {
      const first = firstLength(name);
      for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) yield at + first;
    }
  }

  /** What `text` begins with, or all of it, could end or continue a name that something before it began. */
  completedBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#tails.has(text.slice(0, length))) return true;
    }
    return text.length < this.#longest && this.#names.some((name) => name.indexOf(text, 1) >= 0);
  }

  /** What `text` ends with, or all of it, could begin or continue a name that something after it ends. */
  begunBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#heads.has(text.slice(-length))) return true;
    }
    if (text.length >= this.#longest) return false;
    return this.#names.some((name) => name.slice(0, -1).includes(text));
  }
}

/** Code units of the first character: a break inside a surrogate pair would tear it. */
function firstLength(name: string): number {
  return String.fromCodePoint(name.codePointAt(0) ?? 0).length;
}
