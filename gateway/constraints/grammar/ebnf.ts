// Reads grammars in the syntaxes of llama.cpp (GBNF) and xgrammar (EBNF) into expressions. A grammar begins at the rule `root`.

import { ConstraintFault } from '../fault.ts';
import { spendStates } from '../reading/budget.ts';
import { complement, everyCharacter, union } from './characters.ts';
import {
  type Counts,
  characters,
  choice,
  type Expression,
  type Grammar,
  quantifiers,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts';

/** Largest depth of nested groups. */
const DEEPEST = 100;
/** Largest number in a quantifier such as `{1,3}`. */
const MOST_COUNT = 100_000;
const NAME = /[A-Za-z_][\w-]*/y;
const SPACE = /(?:[ \t\r\n]|#[^\n]*)*/y;
const DEFINES = /[A-Za-z_][\w-]*(?:[ \t\r\n]|#[^\n]*)*::=/y;
const COUNT = /\{\s*(\d+)\s*(,\s*(\d*)\s*)?\}/y;
const ESCAPE = /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/suy;
const controls: Record<string, string> = { n: '\n', r: '\r', t: '\t', '0': '\0' };

/** Throws a ConstraintFault that names the line. */
export function parseGrammar(source: string): Grammar {
  return new GrammarReader(source).read();
}

class GrammarReader {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  read(): Grammar {
    const rules = new Map<string, Expression>();
    this.#match(SPACE);
    while (this.#at < this.#source.length) {
      const name = this.#match(NAME)?.[0];
      this.#match(SPACE);
      if (name === undefined || !this.#takes('::=')) throw this.#fault('expected a rule: name ::= …');
      if (rules.has(name)) throw this.#fault(`the rule "${name}" is defined twice`);
      rules.set(name, this.#alternatives());
    }
    if (!rules.has('root')) throw new ConstraintFault('there is no rule "root"');
    return { root: rule('root'), rules };
  }

  #alternatives(): Expression {
    const all = [this.#sequence()];
    while (this.#takes('|')) all.push(this.#sequence());
    return choice(...all);
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    for (;;) {
      this.#match(SPACE);
      if (this.#at >= this.#source.length || this.#peek === '|' || this.#peek === ')') break;
      if (this.#looksLike(DEFINES)) break;
      items.push(this.#quantified());
    }
    return sequence(...items);
  }

  #quantified(): Expression {
    spendStates(0);
    let item = this.#item();
    for (let counts = this.#counts(); counts !== undefined; counts = this.#counts()) {
      item = repeat(item, counts.least, counts.most);
    }
    return item;
  }

  #counts(): Counts | undefined {
    for (const [sign, counts] of quantifiers) if (this.#takes(sign)) return counts;
    const [braces, low, comma, high] = this.#match(COUNT) ?? [];
    if (braces === undefined) return undefined;
    const least = Number(low);
    const most = comma === undefined ? least : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (least > most) throw this.#fault(`${braces} is out of order`);
    if (least > MOST_COUNT || (most > MOST_COUNT && most !== Number.POSITIVE_INFINITY)) {
      throw this.#fault(`${braces} has a count above ${MOST_COUNT}`);
    }
    return { least, most };
  }

  #item(): Expression {
    const { '0': name } = this.#match(NAME) ?? {};
    if (name !== undefined) return rule(name);
    const first = this.#next();
    if (first === '"' || first === "'") return this.#literal(first);
    if (first === '[') return this.#class();
    if (first === '.') return characters(everyCharacter);
    if (first !== '(') throw this.#fault(`did not expect ${JSON.stringify(first)}`);
    if (++this.#depth > DEEPEST) throw this.#fault(`groups are more than ${DEEPEST} deep`);
    const inside = this.#alternatives();
    if (!this.#takes(')')) throw this.#fault('there is a group without its )');
    this.#depth--;
    return inside;
  }

  #literal(quote: string): Expression {
    let value = '';
    while (!this.#takes(quote)) value += this.#character();
    if (!value.isWellFormed()) throw this.#fault('a literal has a lone surrogate');
    return text(value);
  }

  #class(): Expression {
    const negated = this.#takes('^');
    const set: (readonly [number, number])[] = [];
    while (!this.#takes(']')) {
      const low = this.#character().codePointAt(0) ?? 0;
      const ranges = this.#peek === '-' && this.#source[this.#at + 1] !== ']' && this.#takes('-');
      const high = ranges ? (this.#character().codePointAt(0) ?? 0) : low;
      if (low > high) throw this.#fault('a range is out of order');
      set.push([low, high]);
    }
    return characters(negated ? complement(set) : union(set));
  }

  #character(): string {
    if (this.#peek !== '\\') return this.#next();
    const [whole, byte, short, long, other] = this.#match(ESCAPE) ?? [];
    if (whole === undefined) throw this.#fault('a backslash has nothing to escape');
    const digits = byte ?? short ?? long;
    if (digits === undefined) return controls[other ?? ''] ?? other ?? '';
    const point = Number.parseInt(digits, 16);
    if (point > 0x10ffff) throw this.#fault(`${whole} is above U+10FFFF`);
    return String.fromCodePoint(point);
  }

  get #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #next(): string {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined) throw this.#fault('the grammar ends in the middle of a rule');
    const character = String.fromCodePoint(point);
    this.#at += character.length;
    return character;
  }

  #takes(expected: string): boolean {
    if (!this.#source.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #looksLike(form: RegExp): boolean {
    form.lastIndex = this.#at;
    return form.test(this.#source);
  }

  #match(form: RegExp): RegExpExecArray | null {
    form.lastIndex = this.#at;
    const match = form.exec(this.#source);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  #fault(what: string): ConstraintFault {
    const line = this.#source.slice(0, this.#at).split('\n').length;
    return new ConstraintFault(`${what} (line ${line})`);
  }
}
