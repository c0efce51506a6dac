// Translates a Lark grammar to a regular expression that matches the same texts. Grammars that are recursive, or that ignore text
// between terminals (%ignore), are not supported.
//
// Worked example: start: "a" line+ / line: /[0-9]+/ LF / %import common.LF  becomes  (?:a(?:(?:[0-9]+)\n)+)
//
// Lark splits a text into terminals before it applies the rules. The pattern does not, so it accepts a few more texts if two
// terminals match the same text.

/** The terminals of Lark's library `common` that grammars may import, as patterns. */
const common: Record<string, string> = {
  CR: '\\r',
  DIGIT: '[0-9]',
  ESCAPED_STRING: '"(?:[^"\\\\\\n]|\\\\[^\\n])*"',
  HEXDIGIT: '[0-9a-fA-F]',
  INT: '[0-9]+',
  LCASE_LETTER: '[a-z]',
  LETTER: '[a-zA-Z]',
  LF: '\\n',
  NEWLINE: '(?:\\r?\\n)+',
  SIGNED_INT: '[+-]?[0-9]+',
  UCASE_LETTER: '[A-Z]',
  WORD: '[a-zA-Z]+',
  WS: '[ \\t\\f\\r\\n]+',
  WS_INLINE: '[ \\t]+',
};

/** Largest number of characters in a grammar, and in the pattern that is made from it. */
const LONGEST_GRAMMAR = 65_536;
const LONGEST_PATTERN = 10_000;
/** Largest depth of nested rules and groups. */
const DEEPEST = 100;

/** Undefined if the grammar is invalid or not supported. */
export function larkPattern(grammar: string): string | undefined {
  if (grammar.length > LONGEST_GRAMMAR) return undefined;
  try {
    return new Expander(rulesOf(grammar)).rule('start');
  } catch (thrown) {
    if (thrown instanceof NoPattern) return undefined;
    throw thrown;
  }
}

class NoPattern extends Error {}

const tokenForms = [
  /\s+/y,
  /(?:\/\/|#)[^\n]*/y,
  /"(?:[^"\\\n]|\\.)*"i?/y,
  /\/(?!\/)(?:[^/\\\n]|\\.)+\/[imslux]*/y,
  /->\s*[a-zA-Z_]\w*/y,
  /~\s*\d+(?:\s*\.\.\s*\d+)?/y,
  /\.\./y,
  /[a-zA-Z_]\w*/y,
  /[|()[\]?*+]/y,
];

/** The tokens of each rule, by the name of the rule. */
function rulesOf(grammar: string): Map<string, string[]> {
  const rules = new Map<string, string[]>();
  for (const statement of statementsOf(grammar)) {
    const imported = /^%import\s+common\s*\.\s*(\w+)\s*(?:->\s*(\w+))?$/.exec(statement);
    if (imported !== null) {
      const [, name = '', alias = name] = imported;
      if (!Object.hasOwn(common, name)) throw new NoPattern();
      rules.set(alias, [`/${common[name]}/`]);
      continue;
    }
    const defined = /^[?!]?([a-zA-Z_]\w*)(?:\.-?\d+)?\s*:/.exec(statement);
    if (defined?.[1] === undefined) throw new NoPattern();
    rules.set(defined[1], tokensOf(statement.slice(defined[0].length)));
  }
  return rules;
}

/** A statement continues on lines that begin with white space or `|`. */
function statementsOf(grammar: string): string[] {
  const statements: string[] = [];
  for (const line of grammar.split('\n')) {
    const goesOn = /^\s|^\|/.test(line) && statements.length > 0;
    if (/^\s*(?:(?:\/\/|#).*)?$/.test(line)) continue;
    if (goesOn) statements.push(`${statements.pop()}\n${line}`);
    else statements.push(line.trim());
  }
  return statements;
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; ) {
    const token = tokenForms
      .map((form) => {
        form.lastIndex = at;
        return form.exec(text)?.[0];
      })
      .find((found) => found !== undefined);
    if (token === undefined) throw new NoPattern();
    at += token.length;
    // White space, comments and aliases (`-> name`) do not change which texts match.
    if (!/^(?:\s|#|\/\/|->)/.test(token)) tokens.push(token);
  }
  return tokens;
}

class Expander {
  readonly #rules: ReadonlyMap<string, string[]>;
  readonly #known = new Map<string, string>();
  readonly #open = new Set<string>();
  #tokens: readonly string[] = [];
  #at = 0;
  #depth = 0;

  constructor(rules: ReadonlyMap<string, string[]>) {
    this.#rules = rules;
  }

  rule(name: string): string {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const tokens = this.#rules.get(name);
    if (tokens === undefined || this.#open.has(name)) throw new NoPattern();
    const [outer, at] = [this.#tokens, this.#at];
    this.#open.add(name);
    [this.#tokens, this.#at] = [tokens, 0];
    const pattern = this.#alternatives();
    if (this.#at < tokens.length) throw new NoPattern();
    [this.#tokens, this.#at] = [outer, at];
    this.#open.delete(name);
    this.#known.set(name, pattern);
    return pattern;
  }

  #alternatives(): string {
    if (++this.#depth > DEEPEST) throw new NoPattern();
    const all = [this.#sequence()];
    while (this.#takes('|')) all.push(this.#sequence());
    this.#depth--;
    return bounded(`(?:${all.join('|')})`);
  }

  #sequence(): string {
    let pattern = '';
    for (let atom = this.#atom(); atom !== undefined; atom = this.#atom()) {
      pattern = bounded(pattern + atom + this.#count());
    }
    return pattern;
  }

  #atom(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || token === '|' || token === ')' || token === ']') return undefined;
    this.#at++;
    if (token === '(' || token === '[') {
      const inner = this.#alternatives();
      if (!this.#takes(token === '(' ? ')' : ']')) throw new NoPattern();
      return token === '(' ? inner : `${inner}?`;
    }
    if (token.startsWith('/')) return regexOf(token);
    if (token.startsWith('"'))
      return this.#takes('..') ? this.#rangeFrom(token) : `(?:${escaped(textOf(token))})`;
    if (/^\w/.test(token)) return this.rule(token);
    throw new NoPattern();
  }

  #rangeFrom(first: string): string {
    const last = this.#tokens[this.#at++] ?? '';
    const ends = [textOf(first), textOf(last)];
    if (ends.some((end) => Array.from(end).length !== 1)) throw new NoPattern();
    return `[${ends.map(escaped).join('-')}]`;
  }

  #count(): string {
    const token = this.#tokens[this.#at];
    if (token === '?' || token === '*' || token === '+') {
      this.#at++;
      return token;
    }
    const [least, most = least] = token?.startsWith('~') ? (token.match(/\d+/g) ?? []) : [];
    if (least === undefined) return '';
    this.#at++;
    return `{${least},${most}}`;
  }

  #takes(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}

function bounded(pattern: string): string {
  if (pattern.length > LONGEST_PATTERN) throw new NoPattern();
  return pattern;
}

function regexOf(token: string): string {
  const end = token.lastIndexOf('/');
  if (end < token.length - 1) throw new NoPattern(); // flags follow the pattern
  return `(?:${token.slice(1, end)})`;
}

function textOf(token: string): string {
  if (!/^".+"$/s.test(token)) throw new NoPattern(); // an empty text, or one that ignores case
  try {
    return String(JSON.parse(token));
  } catch {
    throw new NoPattern();
  }
}

/** Escapes a text for use in a pattern, also within a set of characters such as [a-z]. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');
}
