// Regular expressions as ECMAScript writes them, read into an expression. What has no meaning without looking around (\b,
// lookaround, backreferences) is refused. Knows no JSON.
import { complement, everyCharacter, LAST_CODE_POINT, ofText, union, without } from './characters.ts';
import { choice, type Expression, nothing, type Ranges, range, repeat, sequence } from './expression.ts';
import { ConstraintFault } from './fault.ts';

const DIGITS = range('0', '9');
const WORD: Ranges = [...DIGITS, ...range('A', 'Z'), ...range('_'), ...range('a', 'z')];
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

export interface RegexOptions {
  /** How a character of a set is spelled in the text. */
  spell: (ranges: Ranges) => Expression;
  /** True: the whole text; false: anywhere in it, unless ^ and $ say otherwise. */
  whole: boolean;
}

/** Throws a ConstraintFault that says what is not supported and where. */
export function regexExpression(pattern: string, options: RegexOptions): Expression {
  return new RegexReader(pattern, options).read();
}

class RegexReader {
  readonly #pattern: readonly string[];
  readonly #options: RegexOptions;
  #at = 0;
  #depth = 0;

  constructor(pattern: string, options: RegexOptions) {
    this.#pattern = Array.from(pattern);
    this.#options = options;
  }

  read(): Expression {
    const expression = this.#alternatives(true);
    if (this.#at < this.#pattern.length) throw this.#fault('an unmatched )');
    return expression;
  }

  /** `top`: ^ and $ may stand at the ends of each alternative. */
  #alternatives(top: boolean): Expression {
    const all = [this.#alternative(top)];
    while (this.#takes('|')) all.push(this.#alternative(top));
    return choice(...all);
  }

  #alternative(top: boolean): Expression {
    const { whole, spell } = this.#options;
    const around = repeat(spell(everyCharacter), 0, Number.POSITIVE_INFINITY);
    const items: Expression[] = top && !this.#takes('^') && !whole ? [around] : [];
    while (this.#at < this.#pattern.length && this.#peek !== '|' && this.#peek !== ')') {
      if (top && this.#peek === '$' && [undefined, '|'].includes(this.#pattern[this.#at + 1])) {
        this.#at++;
        return sequence(...items);
      }
      items.push(this.#quantified());
    }
    return sequence(...items, ...(top && !whole ? [around] : []));
  }

  #quantified(): Expression {
    const atom = this.#atom();
    const counts = this.#counts();
    if (counts === undefined) return atom;
    this.#takes('?'); // lazy: the same texts
    return repeat(atom, ...counts);
  }

  #counts(): [number, number] | undefined {
    if (this.#takes('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#takes('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#takes('?')) return [0, 1];
    const rest = this.#pattern.slice(this.#at, this.#at + 24).join('');
    const [braces, low, comma, high] = /^\{(\d+)(,(\d*))?\}/.exec(rest) ?? [];
    if (braces === undefined || low === undefined) return undefined;
    const least = Number(low);
    const most = comma === undefined ? least : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (least > most) throw this.#fault(`the counts of ${braces}, which are out of order`);
    if (least > MOST_COUNT || (most > MOST_COUNT && most !== Number.POSITIVE_INFINITY)) {
      throw this.#fault(`a count above ${MOST_COUNT}`);
    }
    this.#at += braces.length;
    return [least, most];
  }

  #atom(): Expression {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#options.spell(this.#class());
      case '.':
        return this.#options.spell(DOT);
      case '\\':
        // Half of a character is in no text: nothing matches it.
        return this.#options.spell(union(this.#escape()));
      case '^':
      case '$':
        throw this.#fault(`${character} elsewhere than at an end`, 1);
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#fault(`${character} with nothing to repeat`, 1);
      default:
        return this.#options.spell(ofText(character));
    }
  }

  #group(): Expression {
    if (this.#takes('?')) {
      const named = /^<[A-Za-z_]\w*>/.exec(this.#pattern.slice(this.#at, this.#at + 64).join(''));
      if (named !== null) this.#at += named[0].length;
      else if (!this.#takes(':')) throw this.#fault('a lookaround or a flag', 2);
    }
    if (++this.#depth > DEEPEST) throw this.#fault(`groups more than ${DEEPEST} deep`);
    const inside = this.#alternatives(false);
    if (!this.#takes(')')) throw this.#fault('a group without its )');
    this.#depth--;
    return inside.kind === 'sequence' && inside.items.length === 0 ? nothing : inside;
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
      if (from === undefined || to === undefined || from > to) throw this.#fault('a range out of order');
      set.push([from, to]);
    }
    return negated ? complement(set) : union(set);
  }

  #member(): Ranges {
    const character = this.#next();
    if (character !== '\\') return ofText(character);
    return this.#takes('b') ? ofText('\b') : this.#escape();
  }

  /** Behind the backslash. */
  #escape(): Ranges {
    const character = this.#next();
    const known = classes[character];
    if (known !== undefined) return known;
    const control = controls[character];
    if (control !== undefined && !(character === '0' && /\d/.test(this.#peek ?? ''))) return ofText(control);
    if (character === 'x') return this.#codePoint(/^[0-9A-Fa-f]{2}/);
    if (character === 'u') return this.#codePoint(/^(?:\{([0-9A-Fa-f]{1,6})\}|[0-9A-Fa-f]{4})/);
    if (/[A-Za-z0-9]/.test(character)) throw this.#fault(`\\${character}`, 2);
    return ofText(character);
  }

  #codePoint(form: RegExp): Ranges {
    const [digits, braced] = form.exec(this.#pattern.slice(this.#at, this.#at + 8).join('')) ?? [];
    if (digits === undefined) throw this.#fault('an escape without its digits');
    const point = Number.parseInt(braced ?? digits, 16);
    if (point > LAST_CODE_POINT) throw this.#fault('a character behind the last one');
    this.#at += digits.length;
    const pair = braced === undefined ? this.#lowSurrogateAfter(point) : undefined;
    return pair === undefined ? [[point, point]] : [[pair, pair]];
  }

  /** The character of `high` and an escape that follows with its other half. */
  #lowSurrogateAfter(high: number): number | undefined {
    const ahead = this.#pattern.slice(this.#at, this.#at + 6).join('');
    const digits = /^\\u([dD][c-fC-F][0-9A-Fa-f]{2})$/.exec(ahead)?.[1];
    if (digits === undefined || high < 0xd800 || high > 0xdbff) return undefined;
    this.#at += ahead.length;
    return String.fromCharCode(high, Number.parseInt(digits, 16)).codePointAt(0);
  }

  get #peek(): string | undefined {
    return this.#pattern[this.#at];
  }

  #next(): string {
    const character = this.#pattern[this.#at++];
    if (character === undefined) throw this.#fault('an end in the middle of something');
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

function single(set: Ranges): number | undefined {
  const [first] = set;
  return set.length === 1 && first !== undefined && first[0] === first[1] ? first[0] : undefined;
}
