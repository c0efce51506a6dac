// Reads an answer's text, in whatever pieces it comes, as sections: thinking, content, calls and their arguments. Knows no
// tokens and no wire format.
import type { CallSyntax } from '../../../constraints/specification.ts';
import { JsonValueEnd } from './json-value-end.ts';

export interface SectionRules {
  /** Absent: all text is content. `open`: the prompt has begun the thinking already. */
  thinking?: { begin: string; end: string; open: boolean };
  /** Absent: no calls are looked for. */
  calls?: CallSyntax;
}

/** A stretch of the text. Tags and the white space beside them are stretches of the section that they part, without text. */
export interface Stretch {
  kind: 'reasoning' | 'content' | 'call' | 'arguments';
  /** As it came. */
  raw: string;
  /** What it says. */
  text: string;
  /** Within the tags of thinking. */
  thought: boolean;
  /** Of a call: the tool's. */
  name?: string;
}

/**
 * Code units that are held back because a tag may follow, or a name, and read again with each piece. White space beyond is
 * text, and what stands in a call's tag so long before its name is complete is no call.
 */
const MOST_HELD = 1_000;

/** `lead`: thinking may begin. `call`: its tag has come, not the tool's name. `between`: name and arguments. `tail`: after them. */
type State = 'lead' | 'thinking' | 'content' | 'call' | 'between' | 'arguments' | 'tail';

/**
 * Nothing is let out that may turn out to be part of a tag. What a call holds beside name and arguments is dropped; a tag
 * that no JSON object with a name follows is content.
 */
export class SectionReader {
  readonly #rules: SectionRules;
  /** The tags of a call. */
  readonly #begin: string;
  readonly #end: string;
  /** What stands before a call's name and with it, and before its arguments. */
  readonly #name: RegExp;
  readonly #arguments: RegExp;
  #state: State;
  #held = '';
  /** White space is dropped up to the next other character, as part of this section. */
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

  /** A call has begun, and its arguments are not whole. */
  get withinCall(): boolean {
    return this.#state === 'between' || this.#state === 'arguments';
  }

  push(text: string): Stretch[] {
    this.#held += text;
    while (this.#held.length > 0 && this.#step());
    return this.#out.splice(0);
  }

  /** No more text comes. What was held back was text after all, but where the text was `cut`: there a tag was being written. */
  end({ cut }: { cut: boolean }): Stretch[] {
    const held = this.#held;
    const { thinking, calls } = this.#rules;
    if (this.#state === 'lead')
      this.#take(held.length, 'content', cut ? withoutOpening(held, thinking?.begin) : held);
    else if (this.#state === 'thinking')
      this.#take(held.length, 'reasoning', cut ? withoutOpening(held, thinking?.end) : held);
    else if (this.#state === 'content')
      this.#take(held.length, 'content', cut && calls ? withoutOpening(held, this.#begin) : held);
    else if (this.#state === 'call') this.#take(held.length, 'content', cut ? '' : held);
    else this.#take(held.length, 'arguments', '');
    return this.#out.splice(0);
  }

  /** False: more text is needed. */
  #step(): boolean {
    if (this.#dropping !== undefined) {
      this.#take(spaceBefore(this.#held), this.#dropping, '');
      if (this.#held.length === 0) return false;
      this.#dropping = undefined;
    }
    switch (this.#state) {
      case 'lead':
        return this.#lead();
      case 'thinking':
        return this.#thinking();
      case 'content':
        return this.#content();
      case 'call':
        return this.#call();
      case 'between':
        return this.#between();
      case 'arguments':
        return this.#value();
      case 'tail':
        return this.#tail();
    }
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

  /** The held text begins with white space and the tag. */
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

  #take(length: number, kind: Stretch['kind'], text?: string, name?: string): void {
    const raw = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    if (raw.length === 0) return;
    const thought = this.#state === 'thinking';
    this.#out.push({ kind, raw, text: text ?? raw, thought, ...(name !== undefined && { name }) });
  }
}

/** `clear` code units are no part of the tag, nor of the white space before it that is held; `tagAt` where it is whole. */
function untilTag(text: string, tag: string): { clear: number; tagAt: number | undefined } {
  const at = text.indexOf(tag);
  const open = at >= 0 ? at : text.length - openingLength(text, tag);
  const clear = Math.max(text.slice(0, open).trimEnd().length, open - MOST_HELD);
  return { clear, tagAt: at >= 0 ? at : undefined };
}

/** Of the longest end of `text` that is the unfinished beginning of `tag`. */
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

/** Undefined where it is not JSON: a control character within it. */
function stringOf(json: string): string | undefined {
  try {
    return String(JSON.parse(json));
  } catch {
    return undefined; // the reader takes it for content
  }
}
