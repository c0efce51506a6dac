// Divides an answer's text into sections: thinking, content, tool calls and their arguments. The text may arrive in pieces of any
// length.
import type { CallSyntax } from '../../../constraints/specification.ts';

export interface SectionRules {
  /** Tags of thinking. Absent: the model does not think. `open`: the prompt ends within the thinking. */
  thinking?: { begin: string; end: string; open: boolean };
  /** Absent: the text contains no tool calls. */
  calls?: CallSyntax;
}

/** A stretch of text of one section. Tags and the white space around them are stretches with an empty `text`. */
export interface Stretch {
  kind: 'reasoning' | 'content' | 'call' | 'arguments';
  /** The text as the model wrote it. */
  raw: string;
  /** The text without tags. */
  text: string;
  /** Whether the stretch is between the tags of thinking. */
  thought: boolean;
  /** Name of the tool, if the stretch begins a tool call. */
  name?: string;
}

/**
 * Largest number of code units that are held back because a tag or a tool's name may follow. The limit bounds the work, because held
 * text is read again with each new piece. White space beyond the limit is text. If a tool's name is not complete within the
 * limit, the tag before it is content.
 */
const MOST_HELD = 1_000;

/**
 * Position in the text. `lead`: thinking may begin. `call`: at the tag of a call, before the tool's name. `between`: between the
 * tool's name and the arguments. `tail`: after the arguments.
 */
type State = 'lead' | 'thinking' | 'content' | 'call' | 'between' | 'arguments' | 'tail';

/**
 * Holds back text that may turn out to be part of a tag. Drops everything in a call except its name and arguments. If no JSON object
 * with a name follows the tag of a call, the tag is content.
 */
export class SectionReader {
  readonly #rules: SectionRules;
  /** The tags that begin and end a call. */
  readonly #begin: string;
  readonly #end: string;
  /** Matches the text after the tag of a call, up to the end of the tool's name. */
  readonly #name: RegExp;
  /** Matches the text between the tool's name and the arguments. */
  readonly #arguments: RegExp;
  readonly #steps: Readonly<Record<State, () => boolean>> = {
    lead: () => this.#lead(),
    thinking: () => this.#thinking(),
    content: () => this.#content(),
    call: () => this.#call(),
    between: () => this.#between(),
    arguments: () => this.#value(),
    tail: () => this.#tail(),
  };
  #state: State;
  #held = '';
  /** If set, white space at the start of the held text becomes a stretch of this kind with an empty `text`. */
  #dropping: Stretch['kind'] | undefined;
  #valueEnd = new JsonValueEnd();
  #out: Stretch[] = [];

  constructor(rules: SectionRules) {
    const { thinking, calls } = rules;
    this.#rules = rules;
    this.#state = thinking === undefined ? 'content' : thinking.open ? 'thinking' : 'lead';
    if (thinking?.open === true) this.#dropping = 'reasoning';
    this.#begin = calls?.begin.trim() ?? '';
    this.#end = calls?.end.trim() ?? '';
    this.#name = new RegExp(`^\\s*\\{\\s*"${calls?.nameKey}"\\s*:\\s*("(?:[^"\\\\]|\\\\.)*")`);
    this.#arguments = new RegExp(`^\\s*,\\s*"${calls?.argumentsKey}"\\s*:\\s*(?=\\S)`);
  }

  /** Whether the text so far ends within a call whose arguments are not complete. */
  get withinCall(): boolean {
    return this.#state === 'between' || this.#state === 'arguments';
  }

  push(text: string): Stretch[] {
    this.#held += text;
    while (this.#held.length > 0 && this.#step());
    return this.#out.splice(0);
  }

  /** Ends the text and returns its last stretches. `cut`: the text was cut off, so the last `text` omits an incomplete tag. */
  end({ cut }: { cut: boolean }): Stretch[] {
    const held = this.#held;
    const { thinking } = this.#rules;
    const take = (kind: Stretch['kind'], tag: string | undefined) =>
      this.#take(held.length, kind, cut ? withoutOpening(held, tag) : held);
    if (this.#state === 'lead') take('content', thinking?.begin);
    else if (this.#state === 'thinking') take('reasoning', thinking?.end);
    else if (this.#state === 'content') take('content', this.#begin);
    else if (this.#state === 'call') this.#take(held.length, 'content', cut ? '' : held);
    else this.#take(held.length, 'arguments', '');
    return this.#out.splice(0);
  }

  /** Reads some of the held text. Returns false if more text is needed first. */
  #step(): boolean {
    if (this.#dropping !== undefined) {
      this.#take(spaceBefore(this.#held), this.#dropping, '');
      if (this.#held.length === 0) return false;
      this.#dropping = undefined;
    }
    return this.#steps[this.#state]();
  }

  #lead(): boolean {
    const { begin = '' } = this.#rules.thinking ?? {};
    const space = spaceBefore(this.#held);
    const rest = this.#held.slice(space);
    if (space > MOST_HELD) this.#state = 'content';
    else if (rest.startsWith(begin)) {
      this.#take(space + begin.length, 'reasoning', '');
      this.#dropping = 'reasoning';
      this.#state = 'thinking';
    } else if (begin.startsWith(rest)) return false;
    else this.#state = 'content';
    return true;
  }

  #thinking(): boolean {
    const { end = '' } = this.#rules.thinking ?? {};
    const { clear, tagAt } = untilTag(this.#held, end);
    const space = tagAt === undefined ? 0 : tagAt - clear;
    this.#take(clear, 'reasoning');
    if (tagAt === undefined) return false;
    this.#take(space, 'reasoning', '');
    this.#state = 'content';
    this.#take(end.length, 'reasoning', '');
    this.#dropping = 'reasoning';
    return true;
  }

  #content(): boolean {
    if (this.#rules.calls === undefined) {
      this.#take(this.#held.length, 'content');
      return false;
    }
    const { clear, tagAt } = untilTag(this.#held, this.#begin);
    this.#take(clear, 'content');
    if (tagAt === undefined) return false;
    this.#state = 'call';
    return true;
  }

  /** The held text begins with the tag of a call, possibly after white space. */
  #call(): boolean {
    const tag = spaceBefore(this.#held) + this.#begin.length;
    const rest = this.#held.slice(tag);
    const named = this.#name.exec(rest);
    const name = named === null ? undefined : stringOf(named[1] ?? '');
    if (named !== null && name !== undefined && named[0].length <= MOST_HELD) {
      this.#take(tag + named[0].length, 'call', '', name);
      this.#state = 'between';
      return true;
    }
    const begun = named === null && rest.length <= MOST_HELD && /^\s*(\{|$)/.test(rest);
    if (begun && !rest.includes(this.#end)) return false;
    this.#take(tag, 'content');
    this.#state = 'content';
    return true;
  }

  #between(): boolean {
    const key = this.#arguments.exec(this.#held);
    if (key !== null && key[0].length <= MOST_HELD) {
      this.#take(key[0].length, 'arguments', '');
      this.#valueEnd = new JsonValueEnd();
      this.#state = 'arguments';
      return true;
    }
    const over = /^\s*\}/.test(this.#held) || this.#held.includes(this.#end);
    if (!over && this.#held.length <= MOST_HELD) return false;
    this.#out.push({ kind: 'arguments', raw: '', text: '{}', thought: false });
    this.#state = 'tail';
    return true;
  }

  #value(): boolean {
    const end = this.#valueEnd.find(this.#held);
    this.#take(end ?? this.#held.length, 'arguments');
    if (end === undefined) return false;
    this.#state = 'tail';
    return true;
  }

  #tail(): boolean {
    const { clear, tagAt } = untilTag(this.#held, this.#end);
    this.#take(tagAt === undefined ? clear : tagAt + this.#end.length, 'arguments', '');
    if (tagAt === undefined) return false;
    this.#state = 'content';
    this.#dropping = 'arguments';
    return true;
  }

  /** Moves the first `length` code units of the held text into a stretch. */
  #take(length: number, kind: Stretch['kind'], text?: string, name?: string): void {
    const raw = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    if (raw.length === 0) return;
    const thought = this.#state === 'thinking';
    this.#out.push({ kind, raw, text: text ?? raw, thought, ...(name !== undefined && { name }) });
  }
}

/**
 * `clear` is the number of code units before the tag, or before an incomplete tag at the end of the text. White space directly
 * before the tag is not counted. `tagAt` is the index of the tag, if the tag is complete.
 */
function untilTag(text: string, tag: string): { clear: number; tagAt: number | undefined } {
  const at = text.indexOf(tag);
  const open = at >= 0 ? at : text.length - openingLength(text, tag);
  const clear = Math.max(text.slice(0, open).trimEnd().length, open - MOST_HELD);
  return { clear, tagAt: at >= 0 ? at : undefined };
}

/** Length of the longest suffix of `text` that is a proper prefix of `tag`. */
function openingLength(text: string, tag: string): number {
  for (let length = Math.min(text.length, tag.length - 1); length > 0; length--) {
    if (text.endsWith(tag.slice(0, length))) return length;
  }
  return 0;
}

function withoutOpening(text: string, tag = ''): string {
  return text.slice(0, text.length - openingLength(text, tag));
}

function spaceBefore(text: string): number {
  return text.length - text.trimStart().length;
}

/** The value of a JSON string. Undefined if the JSON is not valid, for example because it contains a control character. */
function stringOf(json: string): string | undefined {
  try {
    return String(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** Finds where a JSON value ends in text that arrives in pieces. Does not check whether the value is valid JSON. */
class JsonValueEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /**
   * Takes the next piece of text; the first piece begins with the value. Returns the number of code units of the piece that belong
   * to the value, or undefined if the value does not end in this piece.
   */
  find(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (this.#inString) {
        if (this.#endsString(char) && this.#depth === 0) return at + 1;
      } else if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if (char === '}' || char === ']') {
        if (this.#depth === 0) return at; // The value is a number, true, false or null, and this bracket ends its container.
        if (--this.#depth === 0) return at + 1;
      } else if (this.#depth === 0 && /[\s,]/.test(char)) return at;
    }
    return undefined;
  }

  /** Reads a character of a string. Returns true if the character ends the string. */
  #endsString(char: string): boolean {
    if (this.#escaped) this.#escaped = false;
    else if (char === '\\') this.#escaped = true;
    else if (char === '"') this.#inString = false;
    return !this.#inString;
  }
}
