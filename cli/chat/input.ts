// Turns typed or pasted lines into messages and commands. Knows no terminal.
//
//   one line                 a message        a line \          a message of two lines
//   /name rest of the line   a command        that ends so
//   //usr/bin is …           "/usr/bin is …"  """ to """        a message of all between, as it stands

export type Input =
  | { type: 'message'; text: string }
  /** As it was typed; there may be no command `name`. */
  | { type: 'command'; name: string; rest: string };

const FENCE = '"""';

export class InputLines {
  #lines: string[] = [];
  #fenced = false;

  /** More lines must come before the message is complete. */
  get unfinished(): boolean {
    return this.#lines.length > 0 || this.#fenced;
  }

  drop(): void {
    this.#lines = [];
    this.#fenced = false;
  }

  /** The message or command that this line completes, if any. `inPaste`: the next line was pasted with it. */
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

  /** The opening and the closing fence may each stand alone on a line. */
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
