// Reads arguments that are written as elements, such as `<parameter=city>Bonn</parameter>`. Strings are streamed; other values come
// whole, because they may turn out not to be JSON.
import {
  type ArgumentKind,
  type ArgumentsForm,
  looksLikeJson,
} from '../../../../constraints/specification.ts';
import { JsonValueEnd } from '../json-value-end.ts';
import { MOST_HELD, matchFixed, openingLength, spaceBefore } from '../tags.ts';
import type { ReadArguments } from './reader.ts';

type Elements = Extract<ArgumentsForm, { form: 'elements' }>;

const likeJson = new RegExp(looksLikeJson, 'u');
/** Most characters of a value that looks like a number or a word of JSON. A longer one is a string. */
const LONGEST_SCALAR = 64;

/** Chat templates write these words of Python for some values of earlier calls, so models may write them too. */
const pythonWords: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/** `text`: a string, which is streamed. `open`: it is not known yet whether the value is a string. */
type State = 'name' | 'text' | 'open' | 'done';

export class ElementsReader {
  readonly #form: Elements;
  readonly #kinds: Readonly<Record<string, ArgumentKind>>;
  /** The tag that ends a value, and the line break before it. */
  readonly #tag: string;
  readonly #break: string;
  #state: State = 'name';
  #kind: ArgumentKind = 'either';
  #json = '';
  #count = 0;
  /** The value so far, while it is not known whether it is a string. */
  #value = '';
  #end = new JsonValueEnd();

  constructor(form: Elements, kinds: Readonly<Record<string, ArgumentKind>> = {}) {
    this.#form = form;
    this.#kinds = kinds;
    this.#tag = form.afterValue.trim();
    this.#break = form.afterValue.slice(0, spaceBefore(form.afterValue));
  }

  read(text: string): ReadArguments {
    let taken = 0;
    const steps: Record<State, (rest: string) => number> = {
      name: (rest) => this.#name(rest),
      text: (rest) => this.#text(rest),
      open: (rest) => this.#open(rest),
      done: () => 0,
    };
    for (let state: State | undefined; ; ) {
      state = this.#state;
      const length = steps[state](text.slice(taken));
      taken += length;
      if (this.#state === 'done' || (length === 0 && state === this.#state)) break;
    }
    const json = this.#json;
    this.#json = '';
    return { taken, json, done: this.#state === 'done' };
  }

  /** Reads the name of an argument with the tags around it, or finds that there are no more arguments. */
  #name(rest: string): number {
    const { beforeKey, afterKey } = this.#form;
    const begun = matchFixed(rest, beforeKey.trimEnd());
    if (begun === 'more' && rest.length <= MOST_HELD) return 0;
    if (typeof begun !== 'number') return this.#finish();
    const [first = ''] = afterKey.split(/(?<=>)/);
    const at = rest.indexOf(first.trim(), begun);
    if (at < 0) return rest.length > MOST_HELD ? this.#finish() : 0;
    const fixed = afterKey.trimEnd();
    const named = matchFixed(rest, fixed, at);
    if (named === 'more') return 0;
    if (named === 'no') return this.#finish();
    // Exactly this white space belongs to the tag. Further white space belongs to the value.
    const space = afterKey.slice(fixed.length);
    const after = rest.slice(named, named + space.length);
    if (after !== space && space.startsWith(after)) return 0;
    this.#begin(rest.slice(begun, at).trim());
    return after === space ? named + space.length : named;
  }

  #finish(): number {
    this.#json += this.#count === 0 ? '{}' : '}';
    this.#state = 'done';
    return 0;
  }

  #begin(name: string): void {
    this.#json += `${this.#count++ === 0 ? '{' : ', '}${JSON.stringify(name)}: `;
    this.#kind = Object.hasOwn(this.#kinds, name) ? (this.#kinds[name] ?? 'either') : 'either';
    this.#value = '';
    this.#end = new JsonValueEnd();
    this.#state = this.#kind === 'text' ? 'text' : 'open';
    if (this.#kind === 'text') this.#json += '"';
  }

  #text(rest: string): number {
    const at = rest.indexOf(this.#tag);
    if (at < 0) return this.#write(rest.slice(0, rest.length - this.#ending(rest)));
    const value = this.#withoutBreak(rest.slice(0, at));
    this.#write(value);
    this.#json += '"';
    this.#state = 'name';
    return at + this.#tag.length;
  }

  /** Number of code units at the end of the text that may belong to the tag or to the line break before it. */
  #ending(text: string): number {
    return Math.max(openingLength(text, this.#break + this.#tag), openingLength(text, this.#tag));
  }

  /** Adds a piece of a string, and returns its length. */
  #write(piece: string): number {
    this.#json += JSON.stringify(piece).slice(1, -1);
    return piece.length;
  }

  #withoutBreak(value: string): string {
    const ends = this.#break !== '' && value.endsWith(this.#break);
    return ends ? value.slice(0, -this.#break.length) : value;
  }

  #open(rest: string): number {
    const at = rest.indexOf(this.#tag);
    if (at < 0) return this.#hold(rest.slice(0, rest.length - this.#ending(rest)));
    const before = rest.slice(0, at);
    this.#end.find(before);
    this.#value += before;
    if (this.#end.inString && isContainer(this.#value)) {
      // The tag is a part of a string within the value.
      this.#end.find(this.#tag);
      this.#value += this.#tag;
    } else {
      this.#json += jsonOf(this.#withoutBreak(this.#value), this.#kind);
      this.#state = 'name';
    }
    return at + this.#tag.length;
  }

  /** Keeps a piece of the value, or begins to stream the value if it can only be a string. */
  #hold(piece: string): number {
    this.#end.find(piece);
    this.#value += piece;
    const isString = this.#kind === 'either' && this.#value.trim().length > LONGEST_SCALAR;
    if (isString && !isContainer(this.#value)) {
      this.#json += '"';
      // The line break before the tag may be at the end of what was held.
      this.#write(this.#value);
      this.#state = 'text';
    }
    return piece.length;
  }
}

function isContainer(value: string): boolean {
  return /^\s*[{[]/.test(value);
}

/** The JSON of a value that was written without quotes. */
function jsonOf(value: string, kind: ArgumentKind): string {
  if (kind === 'either' && !likeJson.test(value)) return JSON.stringify(value);
  const word = kind === 'json' ? pythonWords[value.trim()] : undefined;
  if (word !== undefined) return word;
  try {
    JSON.parse(value);
    return value.trim();
  } catch {
    return JSON.stringify(value);
  }
}
