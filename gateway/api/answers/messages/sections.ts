// Divides an answer's text into sections: thinking, content, tool calls and their arguments. The text may arrive in pieces of any
// length.
import { CallReader, type CallRules } from './calls.ts';
import { ChannelReader, type ChannelRules } from './channels.ts';
import { HeldText, type Stretch } from './held-text.ts';
import { MOST_HELD, spaceBefore, untilTag, withoutOpening } from './tags.ts';

export type { Stretch } from './held-text.ts';

export interface SectionRules {
  /** Tags of thinking. Absent: the model does not think. `open`: the prompt ends within the thinking. */
  thinking?: { begin: string; end: string; open: boolean };
  /** Absent: the text contains no tool calls. */
  calls?: CallRules;
  /** Absent: the text is not divided into messages. If present, it replaces `thinking`. */
  channels?: ChannelRules;
}

/** Reads the text of one answer. The `raw` texts of all stretches together are the text. Nothing that a model writes makes it throw. */
export interface Reader {
  push(text: string): Stretch[];
  /** Ends the text and returns its last stretches. `cut`: the text was cut off, so the last `text` omits an incomplete tag. */
  end(how: { cut: boolean }): Stretch[];
  /** Whether the text so far ends within a call whose arguments are not complete. */
  readonly withinCall: boolean;
}

export function readerOf(rules: SectionRules): Reader {
  return rules.channels === undefined
    ? new SectionReader(rules)
    : new ChannelReader(rules.channels, rules.calls);
}

/** `lead`: thinking may begin. `content`: after the thinking. */
type State = 'lead' | 'thinking' | 'content';

class SectionReader implements Reader {
  readonly #held = new HeldText();
  readonly #thinking: { begin: string; end: string };
  readonly #calls: CallReader | undefined;
  readonly #steps: Readonly<Record<State, () => boolean>> = {
    lead: () => this.#lead(),
    thinking: () => this.#think(),
    content: () => this.#content(),
  };
  #state: State;

  constructor({ thinking, calls }: SectionRules) {
    this.#thinking = thinking ?? { begin: '', end: '' };
    this.#calls = calls && new CallReader(this.#held, calls);
    this.#state = thinking === undefined ? 'content' : thinking.open ? 'thinking' : 'lead';
    if (thinking?.open === true) this.#held.drop('reasoning', { thought: true });
  }

  get withinCall(): boolean {
    return this.#state === 'content' && this.#calls?.within === true;
  }

  push(text: string): Stretch[] {
    this.#held.push(text);
    while (this.#held.text.length > 0 && this.#held.dropSpace() && this.#steps[this.#state]());
    return this.#held.stretches();
  }

  end({ cut }: { cut: boolean }): Stretch[] {
    const held = this.#held;
    const { text } = held;
    const { begin, end } = this.#thinking;
    const rest = (tag: string) => (cut ? withoutOpening(text, tag) : text);
    if (this.#state === 'lead') held.take(text.length, 'content', rest(begin));
    else if (this.#state === 'thinking') held.take(text.length, 'reasoning', rest(end), { thought: true });
    else if (this.#calls !== undefined) this.#calls.end({ cut });
    else held.take(text.length, 'content');
    return held.stretches();
  }

  #lead(): boolean {
    const { begin } = this.#thinking;
    const { text } = this.#held;
    const space = spaceBefore(text);
    const rest = text.slice(space);
    if (space > MOST_HELD) this.#state = 'content';
    else if (rest.startsWith(begin)) {
      this.#held.take(space + begin.length, 'reasoning', '');
      this.#held.drop('reasoning', { thought: true });
      this.#state = 'thinking';
    } else if (begin.startsWith(rest)) return false;
    else this.#state = 'content';
    return true;
  }

  #think(): boolean {
    const { end } = this.#thinking;
    const { clear, tagAt } = untilTag(this.#held.text, end);
    const thought = { thought: true };
    this.#held.take(clear, 'reasoning', undefined, thought);
    if (tagAt === undefined) return false;
    this.#held.take(tagAt - clear, 'reasoning', '', thought);
    this.#held.take(end.length, 'reasoning', '');
    this.#held.drop('reasoning');
    this.#state = 'content';
    return true;
  }

  #content(): boolean {
    if (this.#calls !== undefined) return this.#calls.step();
    this.#held.take(this.#held.text.length, 'content');
    return false;
  }
}
