// Reads an answer that consists of messages on channels, as GPT-OSS writes them: thinking, text next to calls, calls and the answer.
import type { CallableTool, Channels } from '../../../constraints/specification.ts';
import { type ArgumentsReader, argumentsReader } from './arguments/reader.ts';
import type { CallRules } from './calls.ts';
import { HeldText, type Stretch } from './held-text.ts';
import { MOST_HELD, openingLength } from './tags.ts';

export interface ChannelRules {
  channels: Channels;
  /** The channel on which the prompt has begun a message. Undefined: the answer begins with a header. */
  open?: string | undefined;
}

/** `header`: before the text of a message. `tail`: after the arguments of a call. */
type State = 'header' | 'reasoning' | 'content' | 'arguments' | 'tail';

/** A header may begin with its recipient, because the prompt ends with the role before it. */
const RECIPIENT = 'to=';

export class ChannelReader {
  readonly #held = new HeldText();
  readonly #channels: Channels;
  readonly #calls: CallRules | undefined;
  /** Tags that end the text of a message. */
  readonly #ends: readonly string[];
  #state: State;
  #arguments: ArgumentsReader = argumentsReader({ form: 'json' }, undefined);
  /** The sections that have text so far. A line break is put between two messages of one section. */
  readonly #begun = new Set<State>();

  constructor({ channels, open }: ChannelRules, calls: CallRules | undefined) {
    this.#channels = channels;
    this.#calls = calls;
    const after = calls?.syntax.afterArguments.trim() ?? '';
    this.#ends = [channels.end, channels.start, ...(after === '' ? [] : [after])];
    this.#state = open === undefined ? 'header' : open === channels.thinking ? 'reasoning' : 'content';
  }

  get withinCall(): boolean {
    return this.#state === 'arguments';
  }

  push(text: string): Stretch[] {
    this.#held.push(text);
    const steps: Record<State, () => boolean> = {
      header: () => this.#header(),
      reasoning: () => this.#body('reasoning'),
      content: () => this.#body('content'),
      arguments: () => this.#call(),
      tail: () => this.#tail(),
    };
    while (this.#held.text.length > 0 && steps[this.#state]());
    return this.#held.stretches();
  }

  end({ cut }: { cut: boolean }): Stretch[] {
    const held = this.#held;
    const { length } = held.text;
    const rest = cut ? held.text.slice(0, length - this.#ending()) : held.text;
    const isTag = this.#state === 'header' && /^\s*(<|$)/.test(held.text);
    if (this.#state === 'header') held.take(length, 'content', isTag ? '' : rest);
    else if (this.#state === 'reasoning') held.take(length, 'reasoning', rest, { thought: true });
    else if (this.#state === 'content') held.take(length, 'content', rest);
    else held.take(length, 'arguments', '');
    return held.stretches();
  }

  /** Reads the header of a message. Text that is no header is content. */
  #header(): boolean {
    const { start, channel, message, end } = this.#channels;
    const { text } = this.#held;
    const rest = text.trimStart();
    const isHeader = [start, channel, end, RECIPIENT].some((tag) => {
      return rest.startsWith(tag) || tag.startsWith(rest);
    });
    const at = text.indexOf(message);
    if (isHeader && at < 0 && text.length <= MOST_HELD) return false;
    if (!isHeader || at < 0 || at > MOST_HELD) {
      this.#state = 'content';
      // A tag that begins no header must not be read as a tag again.
      if (isHeader) this.#held.take(1, 'content');
      return true;
    }
    this.#begin(text.slice(0, at), at + message.length);
    return true;
  }

  /** `length` is the length of the header and the tag that ends it. */
  #begin(header: string, length: number): void {
    const { channel, thinking } = this.#channels;
    const [, name = ''] = header.split(channel);
    const [, called] = /\bto=(?:functions\.)?([\w.-]+)/.exec(header) ?? [];
    if (called !== undefined && this.#calls !== undefined) {
      this.#held.take(length, 'call', '', { name: called });
      this.#arguments = argumentsReader(this.#calls.syntax.arguments, this.#tool(called));
      this.#state = 'arguments';
      return;
    }
    this.#state = name.trim().split(/\s/)[0] === thinking ? 'reasoning' : 'content';
    this.#held.take(length, this.#state, this.#begun.has(this.#state) ? '\n' : '');
  }

  #tool(name: string): CallableTool | undefined {
    return this.#calls?.tools.find((tool) => tool.name === name);
  }

  #body(kind: 'reasoning' | 'content'): boolean {
    const { text } = this.#held;
    const thought = kind === 'reasoning';
    const { at, tag } = this.#firstEnd();
    const clear = at ?? text.length - this.#ending();
    if (clear > 0) this.#begun.add(kind);
    this.#held.take(clear, kind, undefined, { thought });
    if (at === undefined) return false;
    this.#leave(tag, kind);
    return true;
  }

  /** After a message comes a header. The tag `start` is a part of it. */
  #leave(tag: string, kind: Stretch['kind']): void {
    if (tag !== this.#channels.start) this.#held.take(tag.length, kind, '');
    this.#state = 'header';
  }

  #call(): boolean {
    const { taken, json, done } = this.#arguments.read(this.#held.text);
    this.#held.argue(taken, json);
    if (done) this.#state = 'tail';
    return done || taken > 0;
  }

  #tail(): boolean {
    const { at, tag } = this.#firstEnd();
    this.#held.take(at ?? this.#held.text.length - this.#ending(), 'arguments', '');
    if (at === undefined) return false;
    this.#leave(tag, 'arguments');
    return true;
  }

  /** The first tag that ends a message, and its index. */
  #firstEnd(): { at: number | undefined; tag: string } {
    const found = this.#ends
      .map((tag) => ({ at: this.#held.text.indexOf(tag), tag }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at);
    return found[0] ?? { at: undefined, tag: '' };
  }

  /** Number of code units at the end of the held text that may belong to a tag. */
  #ending(): number {
    return Math.max(...this.#ends.map((tag) => openingLength(this.#held.text, tag)));
  }
}
