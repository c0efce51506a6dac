// Turns the tokens of one choice into text. Decodes bytes, cuts the text at a stop string, and releases each token with its text.
import type { Route, TokenLogprob } from '../../engine/messages.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { Utf8Stream } from '../text/utf8.ts';
import { StopBuffer, type StopOutput, type StopString } from './stops.ts';

export interface AnswerToken {
  id: number;
  /** Null for the first token of a prompt, which has no log-probability. */
  logprob?: number | null;
  top?: TokenLogprob[];
  digest?: string;
  route?: Route;
  /** Number of code points of the choice's text before the token's first character. */
  offset: number;
}

export interface Released {
  text: string;
  /** Tokens whose text is now released, in order. The text of the last one may be cut by a stop string. */
  tokens: AnswerToken[];
  /** A stop string ended the text, so nothing more may be pushed. */
  stopped: boolean;
  /** The stop string that ended the text, if one did. */
  stopString: string | undefined;
}

export interface TextRules {
  /** Strings that end the text. */
  stops: readonly StopString[];
  /** Keep the stop string that ended the text. Default false. */
  includeStop?: boolean;
  /** Stop strings in the text of the first `minTokens` tokens do not end the text. Default 0. */
  minTokens?: number;
  /** Code points before the answer's text: those of an echoed prompt. Default 0. */
  offset?: number;
  /** Special tokens whose names are part of the text, such as those around thinking. */
  shown?: ReadonlySet<number> | undefined;
}

type HeldToken = AnswerToken & {
  /** Numbers of code units of the decoded text before this token, and up to the end of this token. */
  start: number;
  end: number;
};

export class AnswerText {
  readonly #tokenizer: Tokenizer;
  readonly #utf8 = new Utf8Stream();
  readonly #stops: StopBuffer;
  /** Numbers of code units that have been decoded, and that have been released. */
  #decoded = 0;
  #released = 0;
  #codePoints: number;
  readonly #minTokens: number;
  readonly #shown: ReadonlySet<number>;
  #tokens = 0;
  #held: HeldToken[] = [];

  constructor(
    tokenizer: Tokenizer,
    { stops, includeStop = false, minTokens = 0, offset = 0, shown = new Set() }: TextRules,
  ) {
    this.#tokenizer = tokenizer;
    this.#stops = new StopBuffer(stops, { include: includeStop });
    this.#minTokens = minTokens;
    this.#shown = shown;
    this.#codePoints = offset;
  }

  /** Code points up to the end of the pushed text, including an echoed prompt. */
  get offset(): number {
    return this.#codePoints;
  }

  push(token: Omit<AnswerToken, 'offset'>): Released {
    const start = this.#decoded;
    const offset = this.#codePoints;
    const text = this.#utf8.push(this.#bytes(token.id));
    this.#count(text);
    // The token waits until an incomplete character at its end is complete. That character takes at least one more code unit.
    const end = this.#decoded + (this.#utf8.pending ? 1 : 0);
    this.#held.push({ ...token, offset, start, end });
    const out = ++this.#tokens > this.#minTokens ? this.#stops.push(text) : { text, stopped: false };
    return this.#release(out);
  }

  /** The answer has ended without a stop string: releases all text that was held back. */
  end(): Released {
    const rest = this.#utf8.end();
    this.#count(rest);
    const before = this.#stops.push(rest);
    const after = before.stopped ? { text: '', stopped: true } : this.#stops.end();
    const released = this.#release({ ...before, ...after, text: before.text + after.text });
    if (!released.stopped) released.tokens.push(...this.#take(() => true));
    return released;
  }

  #count(text: string): void {
    this.#decoded += text.length;
    for (const _ of text) this.#codePoints++;
  }

  #bytes(id: number): Uint8Array {
    return this.#shown.has(id)
      ? Buffer.from(this.#tokenizer.specialName(id) ?? '')
      : this.#tokenizer.bytes(id);
  }

  #release({ text, stopped, stop }: StopOutput): Released {
    this.#released += text.length;
    const out = this.#released;
    // After a stop, a token is kept if at least one of its characters is released. The other held tokens are dropped.
    const tokens = this.#take((token) => (stopped ? token.start < out : token.end <= out));
    if (stopped) this.#held = [];
    return { text, tokens, stopped, stopString: stop };
  }

  /** Removes and returns the held tokens before the first one for which `belongs` is false. */
  #take(belongs: (token: HeldToken) => boolean): AnswerToken[] {
    const first = this.#held.findIndex((token) => !belongs(token));
    const count = first < 0 ? this.#held.length : first;
    return this.#held.splice(0, count).map(({ start: _start, end: _end, ...token }) => token);
  }
}
