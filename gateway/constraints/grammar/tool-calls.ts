// Tool calls as a grammar, in the syntax of the model. Free text with calls in it, or calls alone.
import type { CallId, CallSyntax, GrammarSpec } from '../specification.ts';
import { suffixLength } from '../suffix.ts';
import { type ArgumentsGrammar, argumentsGrammar } from './call-arguments.ts';
import { channelledAnswer } from './channels.ts';
import { without as charactersWithout, everyCharacter, ofText } from './characters.ts';
import {
  characters,
  choice,
  type Entry,
  type Expression,
  type Grammar,
  impossible,
  nothing,
  optional,
  type ReadGrammar,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts';
import { jsonRules, pythonRules } from './json-text.ts';
import { type Marks, marksOf } from './marks.ts';

type ToolCallsSpec = Extract<GrammarSpec, { type: 'tool_calls' }>;

/**
 * `content`: the grammar of an answer without calls. Throws a ConstraintFault whose path begins at the list of tools, such as
 * `[0].function.parameters.properties.a.not`.
 */
export function toolCallsGrammar(spec: ToolCallsSpec, content?: Grammar): ReadGrammar {
  const { tools, syntax, specials = {} } = spec;
  const marks = marksOf(specials);
  const rules = new Map([...jsonRules, ...(syntax.arguments.form === 'python' ? pythonRules : [])]);
  const read = tools.map((tool, i) => argumentsGrammar(tool, i, { syntax, marks }));
  const notes = read.flatMap(({ notes: own }, i) => own.map((path) => `[${i}].function.parameters${path}`));
  const named = tools.map(({ name }, i) => {
    return [name, adopt(read[i] ?? NO_ARGUMENTS, `tool ${i}`, rules)] as const;
  });
  const calls = new Calls(spec, { marks, named });
  const held = content && adopt(content, 'content', rules);
  const { channels, toolFirst } = syntax;
  const other = toolFirst && new Calls({ ...spec, syntax: { ...syntax, ...toolFirst } }, { marks, named });
  const group = choice(calls.group(), other?.group() ?? impossible);
  const root = channels
    ? channelledAnswer(channels, { calls: group, marks, rules, held, mode: spec.mode })
    : calls.answer(rules, held);
  return { grammar: { root, rules }, notes };
}

const NO_ARGUMENTS: ArgumentsGrammar = { root: impossible, rules: new Map() };

/** Writes the calls of one specification. */
class Calls {
  readonly #spec: ToolCallsSpec;
  readonly #syntax: CallSyntax;
  readonly #marks: Marks;
  /** The name of each tool and the grammar of its arguments. */
  readonly #named: readonly (readonly [name: string, parameters: Expression])[];

  constructor(
    spec: ToolCallsSpec,
    { marks, named }: { marks: Marks; named: readonly (readonly [string, Expression])[] },
  ) {
    this.#spec = spec;
    this.#syntax = spec.syntax;
    this.#marks = marks;
    this.#named = named;
  }

  /** The answer of a model that writes plain text and calls. `held`: the form of an answer without calls. */
  answer(rules: Map<string, Expression>, held: Expression | undefined): Expression {
    const { opener, atStart } = this.#syntax;
    const group = this.group();
    if (this.#spec.mode === 'required') return group;
    if (held !== undefined) return choice(held, group);
    if (atStart === undefined) return this.#free(rules);
    const opened = opener === undefined ? impossible : sequence(this.#marks(opener), group);
    const starts = [...this.#starts(), ...(opener === undefined ? [] : [opener])];
    const { marker } = this.#syntax;
    return choice(group, opened, unlike(starts, { marker, tail: (begun) => this.#free(rules, begun) }));
  }

  /** Free text in which the marker starts calls. `begun`: text before it that may be the beginning of the marker. */
  #free(rules: Map<string, Expression>, begun = ''): Expression {
    const { marker, begin, end, opener, beforeName } = this.#syntax;
    if (marker === '') return { kind: 'free', marker: '', rest: nothing };
    const lead = opener ?? begin + beforeName;
    // What follows the marker is constrained too, even white space.
    const rest = lead.slice(marker.length);
    const calls = opener === undefined ? this.#group(rest) : sequence(this.#marks(rest), this.group());
    const goesOn = this.#parallel && begin + end === '' && opener === undefined;
    const name = begun === '' ? 'answer' : `answer after ${begun}`;
    rules.set(name, {
      kind: 'free',
      marker,
      begun,
      ...this.#token(marker),
      rest: sequence(calls, goesOn ? rule('answer') : nothing),
    });
    return rule(name);
  }

  /** The marker's token, if the marker is a special token. */
  #token(marker: string): { token?: number } {
    const id = this.#spec.specials?.[marker];
    return typeof id === 'number' ? { token: id } : {};
  }

  get #parallel(): boolean {
    return this.#spec.parallel && this.#syntax.single === undefined;
  }

  /** Calls alone. */
  group(): Expression {
    return this.#group(this.#syntax.begin + this.#syntax.beforeName);
  }

  /** Calls whose first one begins with `lead`. */
  #group(lead: string): Expression {
    const { between, beforeName, end } = this.#syntax;
    const more = repeat(this.call(between + beforeName), 0, Number.POSITIVE_INFINITY);
    return sequence(this.call(lead), this.#parallel ? more : nothing, this.#marks(end));
  }

  /** One call, which begins with `lead`. */
  call(lead: string): Expression {
    const { name: form, beforeArguments, afterArguments } = this.#syntax;
    const after = sequence(this.#id('name'), this.#marks(beforeArguments));
    const calls = this.#named.map(([name, parameters]) => {
      return sequence(text(form === 'json' ? JSON.stringify(name) : name), after, parameters);
    });
    return sequence(this.#marks(lead), choice(...calls), this.#id('arguments'), this.#marks(afterArguments));
  }

  /** The id of a call, if it comes at this place. */
  #id(place: CallId['after']): Expression {
    const { id } = this.#syntax;
    if (id?.after !== place) return nothing;
    return optional(sequence(this.#marks(id.begin), ID, this.#marks(id.end)));
  }

  /** Texts with which an answer begins only if it is a call. */
  #starts(): string[] {
    const { begin, beforeName, name: form, beforeArguments } = this.#syntax;
    const lead = begin + beforeName;
    if (form === 'json') return [lead.slice(0, 1)];
    return this.#named.map(([name]) => lead + name + beforeArguments);
  }
}

interface Tail {
  marker: string;
  /** The text after `begun`, which ends with the first character that differs from `starts`. */
  tail: (begun: string) => Expression;
}

/** Text that does not begin with one of `starts`, perhaps after white space. The tail looks for a marker. */
function unlike(starts: readonly string[], { marker, tail }: Tail): Expression {
  const known = new Map<string, Expression>();
  const after = (text: string) => {
    const begun = text.slice(text.length - suffixLength([...text], [...marker]));
    const made = known.get(begun) ?? tail(begun);
    known.set(begun, made);
    return made;
  };
  const at = (texts: readonly string[], before: string): Expression => {
    const firsts = [...new Set(texts.map((each) => each.charAt(0)))];
    const further = firsts.map((first) => {
      const rests = texts.filter((each) => each.startsWith(first)).map((each) => each.slice(1));
      return rests.includes('') ? impossible : sequence(text(first), at(rests, before + first));
    });
    // Characters of the marker lead to different tails. All other characters lead to one.
    const known = [...firsts, ...(before === '' ? BLANKS : '')];
    const marking = [...new Set(marker)].filter((each) => !known.includes(each));
    const others = charactersWithout(everyCharacter, ofText([...known, ...marking].join('')));
    return optional(
      choice(
        sequence(characters(others), after('')),
        ...marking.map((each) => sequence(text(each), after(before + each))),
        ...further,
      ),
    );
  };
  return sequence(repeat(characters(ofText(BLANKS)), 0, Number.POSITIVE_INFINITY), at(starts, ''));
}

/** An id as Mistral's tokenizer writes it. */
const ID = repeat(characters(ofText('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789')), 9, 9);

const BLANKS = ' \t\r\n';

/** Adds the rules of a grammar to `rules`, with `owner` before their names, and returns the root. */
function adopt(grammar: Grammar, owner: string, rules: Map<string, Expression>): Expression {
  const lists = new Map<readonly Entry[], Entry[]>();
  for (const [name, body] of grammar.rules) {
    if (!isShared(name)) rules.set(`${owner} ${name}`, renamed(body, owner, lists));
  }
  return renamed(grammar.root, owner, lists);
}

function isShared(name: string): boolean {
  return jsonRules.has(name) || pythonRules.has(name);
}

/** Adds `owner` to the names of rules. `lists` has the lists of entries renamed so far, because expressions share lists. */
function renamed(expression: Expression, owner: string, lists: Map<readonly Entry[], Entry[]>): Expression {
  const inner = (each: Expression) => renamed(each, owner, lists);
  switch (expression.kind) {
    case 'rule':
      return isShared(expression.name) ? expression : rule(`${owner} ${expression.name}`);
    case 'sequence':
    case 'choice':
      return { ...expression, items: expression.items.map(inner) };
    case 'repeat':
      return { ...expression, item: inner(expression.item) };
    case 'entries': {
      const known = lists.get(expression.of);
      const of = known ?? expression.of.map((entry) => ({ ...entry, next: inner(entry.next) }));
      lists.set(expression.of, of);
      return { ...expression, of };
    }
    default:
      return expression;
  }
}
