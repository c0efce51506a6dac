// The keyboard of an interactive chat: a queue of lines, Ctrl-C and the end of input. Echoes nothing while an answer is printed.
import { createInterface, type Interface, type Key } from 'node:readline';
import { Writable } from 'node:stream';
import { HISTORY_LINES } from './history.ts';

export type Typed =
  /** `inPaste`: the next line was pasted with it. `unseen`: it was typed while the keyboard was silent. */
  { type: 'line'; text: string; inPaste: boolean; unseen: boolean } | { type: 'interrupt' } | { type: 'end' };

export interface KeyboardOptions {
  /** Newest first. */
  history: string[];
  /** Called with the whole history when a line is added. */
  onHistory: (lines: readonly string[]) => void;
}

/** Asks the terminal to mark the begin and the end of pasted text. */
const PASTE_ON = '\x1b[?2004h';
const PASTE_OFF = '\x1b[?2004l';

export class Keyboard {
  readonly #lines: Interface;
  readonly #typed: Typed[] = [];
  #wake: () => void = () => {};
  #pasting = false;
  #silent = false;
  #onInterrupt: (() => void) | undefined;

  constructor({ history, onHistory }: KeyboardOptions) {
    const { stdin, stdout } = process;
    const echo = new Echo(() => this.#silent);
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

  /** The next input. Shows `prompt`, and what was typed of the line already, while there is none. */
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

  /** Echoes nothing until `work` is done. Ctrl-C and the end of input call `onInterrupt`. */
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

  /** Deletes the line that is being typed. */
  drop(): void {
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
  }

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

/** Standard output, except while it is silent. */
class Echo extends Writable {
  readonly #silent: () => boolean;

  constructor(silent: () => boolean) {
    super({ decodeStrings: false });
    this.#silent = silent;
  }

  get columns(): number {
    return process.stdout.columns;
  }

  override _write(chunk: string | Buffer, _: BufferEncoding, done: () => void): void {
    if (!this.#silent()) process.stdout.write(chunk);
    done();
  }
}
