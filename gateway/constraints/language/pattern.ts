// Reads regular expressions of ECMAScript into a tree. Backreferences and lookbehind are refused.

import { ConstraintFault } from '../fault.ts';
import type { Ranges } from '../grammar/characters.ts';
import {
  complement,
  everyCharacter,
  LAST_CODE_POINT,
  ofText,
  union,
  without,
} from '../grammar/characters.ts';
import { type Counts, multiplied, quantifiers, range } from '../grammar/expression.ts';
import { propertyRanges } from './unicode-property.ts';

export type Pattern =
  | { kind: 'set'; ranges: Ranges }
  | { kind: 'sequence'; items: readonly Pattern[] }
  | { kind: 'choice'; items: readonly Pattern[] }
  | { kind: 'repeat'; item: Pattern; least: number; most: number }
  /** Assertions that consume no character: `^`, `$`, `\b` and `\B`. */
  | { kind: 'edge'; edge: Assertion }
  /** A lookahead: the text that follows begins with a match of the item, or with none if `negated`. */
  | { kind: 'look'; item: Pattern; negated: boolean };

export type Assertion = 'start' | 'end' | 'boundary' | 'inside';

const DIGITS = range('0', '9');
export const WORD: Ranges = union(DIGITS, range('A', 'Z'), range('_'), range('a', 'z'));
const SPACE: Ranges = union(
  ofText('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'),
  range('\u2000', '\u200a'),
);
const DOT = without(everyCharacter, ofText('\n\r\u2028\u2029'));
const classes: Record<string, Ranges> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
};
const controls: Record<string, string> = { t: '\t', n: '\n', v: '\v', f: '\f', r: '\r', '0': '\0' };

const DEEPEST = 50;
const MOST_COUNT = 100_000;

/** Throws a ConstraintFault that says what is not supported and where. */
export function readPattern(pattern: string): Pattern {
  return new PatternReader(pattern).read();
}

/** Whether `holds` is true for the pattern or for a part of it. The parts of a lookahead do not count. */
export function hasPart(pattern: Pattern, holds: (part: Pattern) => boolean): boolean {
  if (holds(pattern)) return true;
  if (pattern.kind === 'repeat') return hasPart(pattern.item, holds);
  return 'items' in pattern && pattern.items.some((item) => hasPart(item, holds));
}

/** Matches texts that contain the pattern anywhere, unless its own `^` and `$` say otherwise. */
export function anywhere(pattern: Pattern): Pattern {
  return { kind: 'sequence', items: [anything, pattern, anything] };
}

export const anything: Pattern = {
  kind: 'repeat',
  item: { kind: 'set', ranges: everyCharacter },
  least: 0,
  most: Number.POSITIVE_INFINITY,
};

class PatternReader {
  readonly #pattern: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = Array.from(pattern);
  }

  read(): Pattern {
    const pattern = this.#alternatives();
    if (this.#at < this.#pattern.length) throw this.#fault('an unmatched )');
    return pattern;
  }

  #alternatives(): Pattern {
    const items = [this.#alternative()];
    while (this.#takes('|')) items.push(this.#alternative());
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: 'choice', items };
  }

  #alternative(): Pattern {
    const items: Pattern[] = [];
    while (this.#at < this.#pattern.length && this.#peek !== '|' && this.#peek !== ')') {
      items.push(this.#quantified());
    }
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : { kind: 'sequence', items };
  }

  #quantified(): Pattern {
    const item = this.#atom();
    const counts = this.#counts();
    if (counts === undefined) return item;
    this.#takes('?'); // a lazy quantifier matches the same texts
    const all = item.kind === 'repeat' ? multiplied(item, counts) : undefined;
    return item.kind === 'repeat' && all ? { ...item, ...all } : { kind: 'repeat', item, ...counts };
  }

  #counts(): Counts | undefined {
    for (const [sign, counts] of quantifiers) if (this.#takes(sign)) return counts;
    const [braces, low, comma, high] = /^\{(\d+)(,(\d*))?\}/.exec(this.#ahead(24)) ?? [];
    if (braces === undefined || low === undefined) return undefined;
    const least = Number(low);
    const most = comma === undefined ? least : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (least > most) throw this.#fault(`the counts of ${braces}, which are out of order`);
    if (least > MOST_COUNT || (most > MOST_COUNT && most !== Number.POSITIVE_INFINITY)) {
      throw this.#fault(`a count above ${MOST_COUNT}`);
    }
    this.#at += braces.length;
    return { least, most };
  }

  #atom(): Pattern {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'set', ranges: this.#class() };
      case '.':
        return { kind: 'set', ranges: DOT };
      case '\\':
        if (this.#takes('b')) return { kind: 'edge', edge: 'boundary' };
        if (this.#takes('B')) return { kind: 'edge', edge: 'inside' };
        // A lone surrogate is in no text, so nothing matches it.
        return { kind: 'set', ranges: union(this.#escape()) };
      case '^':
        return { kind: 'edge', edge: 'start' };
      case '$':
        return { kind: 'edge', edge: 'end' };
      case '*':
      case '+':
      case '?':
        throw this.#fault(`${character} with nothing to repeat`, 1);
      case '{':
        // A brace without counts stands for itself, as in patterns without the `u` flag.
        this.#at--;
        if (this.#counts() !== undefined) throw this.#fault('a count with nothing to repeat');
        this.#at++;
        return { kind: 'set', ranges: ofText('{') };
      default:
        return { kind: 'set', ranges: ofText(character) };
    }
  }

  #group(): Pattern {
    let negated: boolean | undefined;
    if (this.#takes('?')) {
      const named = /^<[A-Za-z_]\w*>/.exec(this.#ahead(64));
      if (named !== null) this.#at += named[0].length;
      else if (this.#takes('=')) negated = false;
      else if (this.#takes('!')) negated = true;
      else if (!this.#takes(':')) throw this.#fault('a lookbehind or a flag', 2);
    }
    if (++this.#depth > DEEPEST) throw this.#fault(`groups more than ${DEEPEST} deep`);
    const item = this.#alternatives();
    if (!this.#takes(')')) throw this.#fault('a group without its )');
    this.#depth--;
    return negated === undefined ? item : { kind: 'look', item, negated };
  }

  #class(): Ranges {
    const negated = this.#takes('^');
    const set: (readonly [number, number])[] = [];
    while (!this.#takes(']')) {
      const low = this.#member();
      if (this.#peek !== '-' || this.#pattern[this.#at + 1] === ']') {
        set.push(...low);
        continue;
      }
      this.#at++;
      const high = this.#member();
      const [from, to] = [single(low), single(high)];
      // A hyphen beside a class, as in [\w-.], stands for itself.
      if (from === undefined || to === undefined) set.push(...low, ...ofText('-'), ...high);
      else if (from > to) throw this.#fault('a range out of order');
      else set.push([from, to]);
    }
    return negated ? complement(set) : union(set);
  }

  #member(): Ranges {
    const character = this.#next();
    if (character !== '\\') return ofText(character);
    return this.#takes('b') ? ofText('\b') : this.#escape();
  }

  /** Reads the part of an escape after the backslash. */
  #escape(): Ranges {
    const character = this.#next();
    const known = classes[character];
    if (known !== undefined) return known;
    const control = controls[character];
    if (control !== undefined && !(character === '0' && /\d/.test(this.#peek ?? ''))) return ofText(control);
    if (character === 'x') return this.#codePoint(/^[0-9A-Fa-f]{2}/);
    if (character === 'u') return this.#codePoint(/^(?:\{([0-9A-Fa-f]{1,6})\}|[0-9A-Fa-f]{4})/);
    if (character === 'p' || character === 'P') return this.#property(character);
    if (character === 'c' && /[A-Za-z]/.test(this.#peek ?? '')) {
      return ofText(String.fromCharCode((this.#next().codePointAt(0) ?? 0) % 32));
    }
    if (/[A-Za-z0-9]/.test(character)) throw this.#fault(`\\${character}`, 2);
    return ofText(character);
  }

  #codePoint(form: RegExp): Ranges {
    const [digits, braced] = form.exec(this.#ahead(8)) ?? [];
    if (digits === undefined) throw this.#fault('an escape without its digits');
    this.#at += digits.length;
    let point = Number.parseInt(braced ?? digits, 16);
    if (point > LAST_CODE_POINT) throw this.#fault('a code point above U+10FFFF');
    const [low, lowDigits] = /^\\u([dD][c-fC-F][0-9A-Fa-f]{2})/.exec(this.#ahead(6)) ?? [];
    if (braced === undefined && point >= 0xd800 && point < 0xdc00 && low !== undefined) {
      this.#at += low.length;
      point = 0x10000 + (point - 0xd800) * 0x400 + (Number.parseInt(lowDigits ?? '', 16) - 0xdc00);
    }
    return [[point, point]];
  }

  #property(letter: string): Ranges {
    const [braced] = /^\{[A-Za-z_]{1,40}(?:=[A-Za-z_]{1,40})?\}/.exec(this.#ahead(90)) ?? [];
    const ranges = braced === undefined ? undefined : propertyRanges(`\\p${braced}`);
    if (braced === undefined || ranges === undefined)
      throw this.#fault(`\\${letter} without a property's name`, 2);
    this.#at += braced.length;
    return letter === 'P' ? complement(ranges) : ranges;
  }

  get #peek(): string | undefined {
    return this.#pattern[this.#at];
  }

  #ahead(characters: number): string {
    return this.#pattern.slice(this.#at, this.#at + characters).join('');
  }

  #next(): string {
    const character = this.#pattern[this.#at++];
    if (character === undefined) throw this.#fault('an unfinished escape or class');
    return character;
  }

  #takes(character: string): boolean {
    if (this.#peek !== character) return false;
    this.#at++;
    return true;
  }

  #fault(what: string, back = 0): ConstraintFault {
    return new ConstraintFault(`the pattern has ${what} at character ${this.#at - back + 1}`);
  }
}

/** The only code point of a set. Undefined if the set has none or several. */
function single(set: Ranges): number | undefined {
  const [first] = set;
  return set.length === 1 && first !== undefined && first[0] === first[1] ? first[0] : undefined;
}
