// Reads content with tool calls in it, in any syntax that a CallSyntax describes, while the text arrives.
import type { CallableTool, CallSyntax } from '../../../constraints/specification.ts';
import { type ArgumentsReader, argumentsReader } from './arguments/reader.ts';
import type { HeldText } from './held-text.ts';
import {
  type Match,
  MOST_HELD,
  matchExactly,
  matchFixed,
  spaceBefore,
  untilTag,
  withoutOpening,
} from './tags.ts';

export interface CallRules {
  syntax: CallSyntax;
  /** The tools that may be called. */
  tools: readonly CallableTool[];
}

/**
 * `start`: at the start of the content, where a call may come without a marker. `marker`: at the marker of calls. `between`: between
 * the tool's name and its arguments. `tail`: after the arguments. `after`: after a call, where the next one may come.
 */
type State = 'start' | 'content' | 'marker' | 'between' | 'arguments' | 'tail' | 'after';

/** The beginning of a call, up to the end of the tool's name. */
type Opening = { length: number; name: string } | 'more' | 'no';

const STRING = /\s*("(?:[^"\\]|\\.)*")/y;
const STRING_BEGUN = /\s*(?:"(?:[^"\\]|\\.)*\\?)?$/y;
const PLAIN = /\s*([\w.-]+)(?![\w.-]|$)/y;
const ID = /[\w-]*/y;
const PLAIN_BEGUN = /\s*[\w.-]*$/y;

/**
 * Drops everything in a call except its name and arguments. If no name follows the marker of calls, the marker is content. If no
 * arguments follow the name, they are `{}`, and the rest of the call is dropped.
 */
export class CallReader {
  readonly #held: HeldText;
  readonly #syntax: CallSyntax;
  readonly #tools: ReadonlyMap<string, CallableTool>;
  /** Texts with which calls begin, and the text with which a further call begins. */
  readonly #leads: readonly string[];
  readonly #next: string;
  /** The last tag of a call. */
  readonly #end: string;
  readonly #steps: Readonly<Record<State, () => boolean>> = {
    start: () => this.#open(this.#start(), () => this.#become('content')),
    content: () => this.#content(),
    marker: () => this.#open(this.#opening(this.#leads), () => this.#unmark()),
    between: () => this.#between(),
    arguments: () => this.#arguments(),
    tail: () => this.#tail(),
    after: () => this.#after(),
  };
  #state: State;
  #reader: ArgumentsReader;

  constructor(held: HeldText, { syntax, tools }: CallRules) {
    this.#held = held;
    this.#syntax = syntax;
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    const lead = syntax.begin + syntax.beforeName;
    this.#leads = syntax.opener === undefined ? [lead] : [syntax.opener + lead, lead];
    this.#next = syntax.between + syntax.beforeName;
    this.#end = syntax.afterArguments.trim().split(/\s+/).at(-1) ?? '';
    this.#state = syntax.atStart === true ? 'start' : 'content';
    this.#reader = argumentsReader(syntax.arguments, undefined);
  }

  /** Whether the text so far ends within a call whose arguments are not complete. */
  get within(): boolean {
    return this.#state === 'between' || this.#state === 'arguments';
  }

  /** Reads some of the held text, which is not empty. Returns false if more text is needed first. */
  step(): boolean {
    return this.#steps[this.#state]();
  }

  end({ cut }: { cut: boolean }): void {
    const held = this.#held;
    const { text } = held;
    if (this.#state === 'content') {
      held.take(text.length, 'content', cut ? withoutOpening(text, this.#syntax.marker) : text);
    } else if (this.#state === 'start' || this.#state === 'marker' || this.#state === 'after') {
      const isBlank = text.trim() === '' && this.#state === 'start';
      held.take(text.length, 'content', cut && !isBlank ? '' : text);
    } else held.take(text.length, 'arguments', '');
  }

  #become(state: State): true {
    this.#state = state;
    return true;
  }

  #content(): boolean {
    const { clear, tagAt } = untilTag(this.#held.text, this.#syntax.marker);
    this.#held.take(clear, 'content');
    return tagAt !== undefined && this.#become('marker');
  }

  /** The marker is content, because no call follows it. */
  #unmark(): true {
    const { text } = this.#held;
    this.#held.take(spaceBefore(text) + this.#syntax.marker.length, 'content');
    return this.#become('content');
  }

  /** Begins a call if the text has an opening. Calls `otherwise` if it has none. */
  #open(opening: Opening, otherwise: () => boolean): boolean {
    const { text } = this.#held;
    const space = spaceBefore(text);
    if (opening === 'more' && Math.max(space, text.length - space) <= MOST_HELD) return false;
    if (typeof opening === 'string' || opening.length - space > MOST_HELD) return otherwise();
    const { length, name } = opening;
    this.#held.take(length, 'call', '', { name });
    this.#reader = argumentsReader(this.#syntax.arguments, this.#tools.get(name));
    return this.#become('between');
  }

  /** The opening of a call without a marker. A name without quotes must be that of a tool, because it could be any word. */
  #start(): Opening {
    const { name: form, beforeArguments, begin, beforeName } = this.#syntax;
    if (form === 'json') return this.#opening(this.#leads);
    const { text } = this.#held;
    const space = spaceBefore(text);
    const openings = [...this.#tools.keys()].map((name): Opening => {
      const lead = begin + beforeName;
      const match = matchExactly(text, lead + name + beforeArguments, space);
      return typeof match === 'number' ? { length: space + lead.length + name.length, name } : match;
    });
    return first([...openings, this.#opening(this.#leads.slice(0, -1))]);
  }

  #opening(leads: readonly string[]): Opening {
    const { text } = this.#held;
    return first(
      leads.map((lead) => {
        const at = matchFixed(text, lead);
        return typeof at === 'number' ? nameAt(text, at, this.#syntax.name) : at;
      }),
    );
  }

  #between(): boolean {
    const { text } = this.#held;
    const at = this.#argumentsAt(text);
    if (typeof at === 'number') {
      this.#held.argue(at, '');
      return this.#become('arguments');
    }
    if (at === 'more' && text.length <= MOST_HELD) return false;
    this.#held.argue(0, '{}');
    return this.#become('tail');
  }

  /** Where the arguments begin. An id may come before them. */
  #argumentsAt(text: string): Match {
    const { beforeArguments, id } = this.#syntax;
    const at = matchFixed(text, beforeArguments);
    if (typeof at === 'number' || id?.after !== 'name') return at;
    const begun = matchFixed(text, id.begin);
    if (typeof begun !== 'number') return begun === 'more' ? begun : at;
    matchAt(ID, text, begun);
    return matchFixed(text, id.end + beforeArguments, ID.lastIndex);
  }

  #arguments(): boolean {
    const { taken, json, done } = this.#reader.read(this.#held.text);
    this.#held.argue(taken, json);
    return done ? this.#become('tail') : taken > 0;
  }

  #tail(): boolean {
    const { clear, tagAt } = untilTag(this.#held.text, this.#end);
    if (this.#end !== '') {
      this.#held.take(tagAt === undefined ? clear : tagAt + this.#end.length, 'arguments', '');
      if (tagAt === undefined) return false;
    }
    this.#held.drop('arguments');
    return this.#become('after');
  }

  #after(): boolean {
    const { text } = this.#held;
    const { end } = this.#syntax;
    const ended: Match = end === '' ? 'no' : matchFixed(text, end);
    if (typeof ended === 'number') {
      this.#held.take(ended, 'arguments', '');
      this.#held.drop('arguments');
      return this.#become('content');
    }
    const opening = this.#opening([this.#next]);
    const either = ended === 'more' && opening === 'no' ? 'more' : opening;
    return this.#open(either, () => this.#become('content'));
  }
}

/** The first opening that is complete, or else `more` if one of them may become complete. */
function first(openings: readonly Opening[]): Opening {
  const whole = openings.find((opening) => typeof opening !== 'string');
  return whole ?? (openings.includes('more') ? 'more' : 'no');
}

/** The tool's name at the index `at`. */
function nameAt(text: string, at: number, form: CallSyntax['name']): Opening {
  const [whole, begun] = form === 'json' ? [STRING, STRING_BEGUN] : [PLAIN, PLAIN_BEGUN];
  const [, written] = matchAt(whole, text, at) ?? [];
  const length = whole.lastIndex;
  if (written === undefined) return matchAt(begun, text, at) === null ? 'no' : 'more';
  const name = form === 'json' ? stringOf(written) : written;
  return name === undefined ? 'no' : { length, name };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** The value of a JSON string. Undefined if the JSON is not valid, for example because it contains a control character. */
function stringOf(json: string): string | undefined {
  try {
    return String(JSON.parse(json));
  } catch {
    return undefined;
  }
}
