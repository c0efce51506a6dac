// Finds the names of a tokenizer's special tokens in text.
import type { AddedToken, Tokenizer } from './tokenizer.ts';

const known = new WeakMap<Tokenizer, SpecialNames>();

/** Cached for each tokenizer, because a tokenizer may have a thousand special tokens. */
export function specialNames(tokenizer: Tokenizer): SpecialNames {
  const made = known.get(tokenizer) ?? new SpecialNames(tokenizer.added);
  known.set(tokenizer, made);
  return made;
}

/** A node of the trie of names. */
interface Branch {
  /** The token whose name ends at this node. */
  token?: AddedToken;
  /** The child nodes, by the next code unit of the name. */
  longer: Map<number, Branch>;
}

const NOTHING = /(?!)/g;

export class SpecialNames {
  /** Root of the trie. */
  readonly #root: Branch = { longer: new Map() };
  /** Matches the first character of any name. Undefined: there are no names. */
  readonly #first: RegExp | undefined;
  /** All proper suffixes of names (tails), and all proper prefixes (heads). */
  readonly #tails = new Set<string>();
  readonly #heads = new Set<string>();
  /**
   * Each name is shortened by its first code unit (`#endsOfTails`) or its last one (`#endsOfHeads`). The lists contain all suffixes of
   * the shortened names, sorted. So a text occurs in a shortened name if and only if one of these suffixes begins with the text.
   */
  readonly #endsOfTails: readonly string[];
  readonly #endsOfHeads: readonly string[];
  readonly #longest: number;

  constructor(added: readonly AddedToken[]) {
    // A name of one code unit is ignored, because a mark cannot break it up.
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

  /** The names in `text` from left to right, without overlaps. If several names begin at the same place, the longest one counts. */
  *occurrences(text: string): Generator<{ token: AddedToken; at: number }> {
    let from = 0;
    for (const { index: at } of text.matchAll(this.#first ?? NOTHING)) {
      const token = at < from ? undefined : this.#longestAt(text, at);
      if (token === undefined) continue;
      yield { token, at };
      from = at + token.content.length;
    }
  }

  /** Indexes right after the first character of each name in `text`, including names inside other names. */
  *within(text: string): Generator<number> {
    for (const { index: at } of text.matchAll(this.#first ?? NOTHING)) {
      const token = this.#longestAt(text, at);
      if (token !== undefined) yield at + firstLength(token.content);
    }
  }

  #grow(token: AddedToken): void {
    let branch = this.#root;
    for (let i = 0; i < token.content.length; i++) {
      const unit = token.content.charCodeAt(i);
      const next = branch.longer.get(unit) ?? { longer: new Map() };
      branch.longer.set(unit, next);
      branch = next;
    }
    branch.token = token;
  }

  /** The longest name that begins at the index `at`. */
  #longestAt(text: string, at: number): AddedToken | undefined {
    let longest: AddedToken | undefined;
    let branch: Branch | undefined = this.#root;
    for (let i = at; branch !== undefined; i++) {
      longest = branch.token ?? longest;
      branch = branch.longer.get(text.charCodeAt(i));
    }
    return longest;
  }

  /** Whether `text` begins with the end of a name, or occurs in a name after the name's first code unit. */
  completedBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#tails.has(text.slice(0, length))) return true;
    }
    return text.length < this.#longest && beginsOne(text, this.#endsOfTails);
  }

  /** Whether `text` ends with the beginning of a name, or occurs in a name before the name's last code unit. */
  begunBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#heads.has(text.slice(-length))) return true;
    }
    return text.length < this.#longest && beginsOne(text, this.#endsOfHeads);
  }
}

/** Number of code units of the first character, which may be a surrogate pair. A mark must not split the pair. */
function firstLength(name: string): number {
  return String.fromCodePoint(name.codePointAt(0) ?? 0).length;
}

/** Whether one of the sorted texts begins with `text`. It is enough to test the first one that is not less than `text`. */
function beginsOne(text: string, sorted: readonly string[]): boolean {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] ?? '') < text) from = middle + 1;
    else to = middle;
  }
  return sorted[from]?.startsWith(text) === true;
}
