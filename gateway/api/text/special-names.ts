// Finds the names of a tokenizer's special tokens in the text of clients.
import type { AddedToken, Tokenizer } from './tokenizer.ts';

const known = new WeakMap<Tokenizer, SpecialNames>();

/** Made once for each tokenizer, because some have a thousand special tokens and a request may have a thousand strings. */
export function specialNames(tokenizer: Tokenizer): SpecialNames {
  const made = known.get(tokenizer) ?? new SpecialNames(tokenizer.added);
  known.set(tokenizer, made);
  return made;
}

/** A node of the trie of names. */
interface Branch {
  /** The token whose name ends here. */
  token?: AddedToken;
  /** Longer names by their next code unit. */
  longer: Map<number, Branch>;
}

const NOTHING = /(?!)/g;

export class SpecialNames {
  readonly #begun: Branch = { longer: new Map() };
  /** Matches the first character of any name. Undefined: there are no names. */
  readonly #first: RegExp | undefined;
  /** Proper suffixes and prefixes of names. */
  readonly #tails = new Set<string>();
  readonly #heads = new Set<string>();
  /** Sorted suffixes of names without their first character, and of names without their last. A text inside a name begins one. */
  readonly #endsOfTails: readonly string[];
  readonly #endsOfHeads: readonly string[];
  readonly #longest: number;

  constructor(added: readonly AddedToken[]) {
    // A name of one character cannot be broken up, so it stays text.
    const tokens = added.filter((token) => token.special && token.content.length > 1);
    const names = tokens.map(({ content }) => content);
    const firsts = new Set(names.map((name) => name.charAt(0).replace(/[\]\\^-]/, '\\$&')));
    if (names.length > 0) this.#first = new RegExp(`[${[...firsts].join('')}]`, 'g');
    for (const token of tokens) this.#grow(token);
    this.#longest = names.reduce((most, name) => Math.max(most, name.length), 0);
    const endsOfHeads = new Set<string>();
    for (const name of names) {
      for (let cut = 1; cut < name.length; cut++) {
        this.#tails.add(name.slice(cut));
        this.#heads.add(name.slice(0, cut));
        endsOfHeads.add(name.slice(cut - 1, -1));
      }
    }
    this.#endsOfTails = [...this.#tails].sort();
    this.#endsOfHeads = [...endsOfHeads].sort();
  }

  /** The names in `text` from left to right, without overlaps. Of several names that begin at one place, the longest. */
  *occurrences(text: string): Generator<{ token: AddedToken; at: number }> {
    let from = 0;
    for (const { index: at } of text.matchAll(this.#first ?? NOTHING)) {
      const token = at < from ? undefined : this.#longestAt(text, at);
      if (token === undefined) continue;
      yield { token, at };
      from = at + token.content.length;
    }
  }

  /** Places right after the first character of each name in `text`, including names inside others. */
  *within(text: string): Generator<number> {
    for (const { index: at } of text.matchAll(this.#first ?? NOTHING)) {
      const token = this.#longestAt(text, at);
      if (token !== undefined) yield at + firstLength(token.content);
    }
  }

  #grow(token: AddedToken): void {
    let branch = this.#begun;
    for (let i = 0; i < token.content.length; i++) {
      const unit = token.content.charCodeAt(i);
      const next = branch.longer.get(unit) ?? { longer: new Map() };
      branch.longer.set(unit, next);
      branch = next;
    }
    branch.token = token;
  }

  /** Takes one step for each character, however many names have the same beginning. */
  #longestAt(text: string, at: number): AddedToken | undefined {
    let longest: AddedToken | undefined;
    let branch: Branch | undefined = this.#begun;
    for (let i = at; branch !== undefined; i++) {
      longest = branch.token ?? longest;
      branch = branch.longer.get(text.charCodeAt(i));
    }
    return longest;
  }

  /** Whether the beginning of `text`, or all of it, could end or continue a name that text before it begins. */
  completedBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#tails.has(text.slice(0, length))) return true;
    }
    return text.length < this.#longest && beginsOne(text, this.#endsOfTails);
  }

  /** Whether the end of `text`, or all of it, could begin or continue a name that text after it ends. */
  begunBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#heads.has(text.slice(-length))) return true;
    }
    return text.length < this.#longest && beginsOne(text, this.#endsOfHeads);
  }
}

/** Code units of the first character, because a break must not split a surrogate pair. */
function firstLength(name: string): number {
  return String.fromCodePoint(name.codePointAt(0) ?? 0).length;
}

/** Whether one of the sorted texts begins with `text`. If so, the first one that is not less than `text` does. */
function beginsOne(text: string, sorted: readonly string[]): boolean {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] ?? '') < text) from = middle + 1;
    else to = middle;
  }
  return sorted[from]?.startsWith(text) === true;
}
