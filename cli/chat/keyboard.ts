// The keyboard of an interactive chat: a queue of typed lines, Ctrl-C and the end of input.
import { createInterface, type Interface, type Key } from 'node:readline';
import { Writable } from 'node:stream';
import { HISTORY_LINES } from './history.ts';

export type Typed =
  /** `inPaste`: the next line belongs to the same pasted text. `unseen`: this line was typed during `silence`, without an echo. */
  { type: 'line'; text: string; inPaste: boolean; unseen: boolean } | { type: 'interrupt' } | { type: 'end' };

/** Makes the terminal mark the start and the end of pasted text. */
const PASTE_ON = '\x1b[?2004h';
const PASTE_OFF = '\x1b[?2004l';

export class Keyboard {
  readonly #lines: Interface;
  readonly #typed: Typed[] = [];
  #wake: () => void = () => {};
  #pasting = false;
  #silent = false;
  #onInterrupt: (() => void) | undefined;

  /** `history` has the newest line first. `onHistory` is called with the whole history when a line is added. */
  constructor(history: readonly string[], onHistory: (lines: readonly string[]) => void) {
    const { stdin, stdout } = process;
    const echo = new Writable({
      decodeStrings: false,
      write: (chunk, _, done) => {
        if (!this.#silent) stdout.write(chunk);
        done();
      },
    });
    Object.defineProperty(echo, 'columns', { get: () => stdout.columns }); // readline needs the width of the terminal
    this.#lines = createInterface({
      input: stdin,
      output: echo,
      terminal: true,
      history: [...history],
      historySize: HISTORY_LINES,
      removeHistoryDuplicates: true,
    });
    stdout.on('resize', () => echo.emit('resize'));
    stdout.write(PASTE_ON);
    stdin.on('keypress', (_: string | undefined, { name }: Key) => {
      if (name === 'paste-start') this.#pasting = true;
      else if (name === 'paste-end') this.#pasting = false;
    });
    this.#lines.on('line', (text) => {
      this.#push({ type: 'line', text, inPaste: this.#pasting, unseen: this.#silent });
    });
    this.#lines.on('SIGINT', () => {
      if (this.#onInterrupt !== undefined) this.#onInterrupt();
      else this.#push({ type: 'interrupt' });
    });
    this.#lines.on('close', () => {
      this.#onInterrupt?.();
      this.#push({ type: 'end' });
    });
    this.#lines.on('history', onHistory);
  }

  /** Resolves with the next input. While it waits, it shows `prompt` and the part of the line that is already typed. */
  async next(prompt: string): Promise<Typed> {
    for (;;) {
      const typed = this.#typed.shift();
      if (typed?.type === 'line' && typed.unseen) process.stdout.write(`${prompt}${typed.text}\n`);
      if (typed !== undefined) return typed;
      this.#lines.setPrompt(prompt);
      this.#lines.prompt(true);
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }

  /** Echoes no typed text until `work` is done. Meanwhile, Ctrl-C and the end of input call `onInterrupt`. */
  async silence<T>(work: () => Promise<T>, onInterrupt: () => void): Promise<T> {
    this.#silent = true;
    this.#onInterrupt = onInterrupt;
    try {
      return await work();
    } finally {
      this.#silent = false;
      this.#onInterrupt = undefined;
    }
  }

  /** Deletes the unfinished line. */
  drop(): void {
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
  }

  /** The unfinished line. */
  get line(): string {
    return this.#lines.line;
  }

  close(): void {
    process.stdout.write(PASTE_OFF);
    this.#lines.close();
  }

  #push(typed: Typed): void {
    this.#typed.push(typed);
    this.#wake();
  }
}
