// Turns typed or pasted lines into messages and commands:
//
//   input                             result
//   a line                            a message
//   a line \ (then another line)      one message of both lines
//   /name rest                        a command
//   //usr/bin                         the message "/usr/bin"
//   """ (then lines, then """)         one message of all lines in between, unchanged

export type Input =
  | { type: 'message'; text: string }
  /** A line that starts with `/`. A command of this name need not exist. */
  | { type: 'command'; name: string; rest: string };

const FENCE = '"""';

export class InputLines {
  #lines: string[] = [];
  #fenced = false;

  /** True if the message needs more lines. */
  get unfinished(): boolean {
    return this.#lines.length > 0 || this.#fenced;
  }

  /** Forgets the lines of an unfinished message. */
  drop(): void {
    this.#lines = [];
    this.#fenced = false;
  }

  /** Returns the message or command that `line` completes. `inPaste`: the next line belongs to the same pasted text. */
  push(line: string, { inPaste = false }: { inPaste?: boolean } = {}): Input | undefined {
    if (!this.#fenced && this.#lines.length === 0 && line.trimStart().startsWith(FENCE)) {
      this.#fenced = true;
      return this.#pushFenced(line.trimStart().slice(FENCE.length), { first: true });
    }
    if (this.#fenced) return this.#pushFenced(line);
    const continues = line.endsWith('\\');
    this.#lines.push(continues && !inPaste ? line.slice(0, -1) : line);
    return continues || inPaste ? undefined : this.#whole();
  }

  /** A line that is only `"""` adds no line to the message. */
  #pushFenced(line: string, { first = false } = {}): Input | undefined {
    const end = line.trimEnd();
    const closes = end.endsWith(FENCE);
    const text = closes ? end.slice(0, -FENCE.length) : line;
    if (text !== '' || !(first || closes)) this.#lines.push(text);
    if (!closes) return undefined;
    const message = this.#lines.join('\n');
    this.drop();
    return message === '' ? undefined : { type: 'message', text: message };
  }

  #whole(): Input | undefined {
    const lines = this.#lines;
    this.drop();
    const text = lines.join('\n').trim();
    if (text === '') return undefined;
    if (lines.length > 1 || !text.startsWith('/')) return { type: 'message', text };
    if (text.startsWith('//')) return { type: 'message', text: text.slice(1) };
    const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/.exec(text) ?? [];
    return { type: 'command', name, rest };
  }
}
