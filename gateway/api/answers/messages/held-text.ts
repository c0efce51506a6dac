// Text of an answer that is held back until it is clear which section it belongs to, and the stretches that were taken from it.
import { spaceBefore } from './tags.ts';

/** A stretch of text of one section. Tags and the white space around them are stretches with an empty `text`. */
export interface Stretch {
  kind: 'reasoning' | 'content' | 'call' | 'arguments';
  /** The text as the model wrote it. */
  raw: string;
  /** The text without tags. Arguments are JSON text, whatever the model wrote. */
  text: string;
  /** Whether the stretch is between the tags of thinking. */
  thought: boolean;
  /** Name of the tool, if the stretch begins a tool call. */
  name?: string;
}

export class HeldText {
  text = '';
  #out: Stretch[] = [];
  /** If set, white space at the start of the held text becomes a stretch of this kind with an empty `text`. */
  #dropping: Pick<Stretch, 'kind' | 'thought'> | undefined;

  push(text: string): void {
    this.text += text;
  }

  /** Moves the first `length` code units into a stretch. */
  take(length: number, kind: Stretch['kind'], text?: string, more: Partial<Stretch> = {}): void {
    const raw = this.text.slice(0, length);
    this.text = this.text.slice(length);
    if (raw.length === 0) return;
    this.#out.push({ kind, raw, text: text ?? raw, thought: false, ...more });
  }

  /** Adds arguments, for which the model wrote the first `length` code units. */
  argue(length: number, json: string): void {
    const raw = this.text.slice(0, length);
    this.text = this.text.slice(length);
    if (raw !== '' || json !== '') this.#out.push({ kind: 'arguments', raw, text: json, thought: false });
  }

  /** From here on, white space becomes stretches of this kind, up to the first other character. */
  drop(kind: Stretch['kind'], { thought = false }: { thought?: boolean } = {}): void {
    this.#dropping = { kind, thought };
  }

  /** Drops white space if it is to be dropped. Returns false if more text is needed first. */
  dropSpace(): boolean {
    if (this.#dropping === undefined) return true;
    const { kind, thought } = this.#dropping;
    this.take(spaceBefore(this.text), kind, '', { thought });
    if (this.text.length === 0) return false;
    this.#dropping = undefined;
    return true;
  }

  /** Removes and returns the stretches. */
  stretches(): Stretch[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }
}
