// The names of a tokenizer's special tokens, ready to be looked for in what callers wrote. Knows no conversation.
import type { AddedToken, Tokenizer } from './tokenizer.ts';

const known = new WeakMap<Tokenizer, SpecialNames>();

/** Made once for each tokenizer: some have a thousand special tokens, and a request a thousand strings. */
export function specialNames(tokenizer: Tokenizer): SpecialNames {
  const made = known.get(tokenizer) ?? new SpecialNames(tokenizer.added);
  known.set(tokenizer, made);
  return made;
}

/** Of names that begin alike. */
interface Branch {
  /** That ends here. */
  token?: AddedToken;
  /** By the next code unit. */
  longer: Map<number, Branch>;
}

const NOTHING = /(?!)/g;

export class SpecialNames {
  readonly #begun: Branch = { longer: new Map() };
  /** Of any name the first character; undefined: there are no names. */
  readonly #first: RegExp | undefined;
  /** Proper ends and beginnings of names. */
  readonly #tails = new Set<string>();
  readonly #heads = new Set<string>();
  /** Ends of names without their first character, and of those without their last: sorted, for what is within one begins an end. */
  readonly #endsOfTails: readonly string[];
  readonly #endsOfHeads: readonly string[];
  readonly #longest: number;

  constructor(added: readonly AddedToken[]) {
    // A name of one character cannot be broken up: it stays text.
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

  /** The names in `text`, from left to right, none within another; of several that begin at one place the longest. */
  *occurrences(text: string): Generator<{ token: AddedToken; at: number }> {
    let from = 0;
    for (const { index: at } of text.matchAll(this.#first ?? NOTHING)) {
      const token = at < from ? undefined : this.#longestAt(text, at);
      if (token === undefined) continue;
      yield { token, at };
      from = at + token.content.length;
    }
  }

  /** Places in `text` right after the first character of each name in it, those within others too. */
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

  /** A step for each character, however many names begin alike. */
  #longestAt(text: string, at: number): AddedToken | undefined {
    let longest: AddedToken | undefined;
    let branch: Branch | undefined = this.#begun;
    for (let i = at; branch !== undefined; i++) {
      longest = branch.token ?? longest;
      branch = branch.longer.get(text.charCodeAt(i));
    }
    return longest;
  }

  /** What `text` begins with, or all of it, could end or continue a name that something before it began. */
  completedBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#tails.has(text.slice(0, length))) return true;
    }
    return text.length < this.#longest && beginsOne(text, this.#endsOfTails);
  }

  /** What `text` ends with, or all of it, could begin or continue a name that something after it ends. */
  begunBy(text: string): boolean {
    for (let length = 1; length <= Math.min(text.length, this.#longest); length++) {
      if (this.#heads.has(text.slice(-length))) return true;
    }
    return text.length < this.#longest && beginsOne(text, this.#endsOfHeads);
  }
}

/** Code units of the first character: a break inside a surrogate pair would tear it. */
function firstLength(name: string): number {
  return String.fromCodePoint(name.codePointAt(0) ?? 0).length;
}

/** Whether one of the sorted texts begins with `text`: the first that is not below it would. */
function beginsOne(text: string, sorted: readonly string[]): boolean {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] ?? '') < text) from = middle + 1;
    else to = middle;
  }
  return sorted[from]?.startsWith(text) === true;
}
