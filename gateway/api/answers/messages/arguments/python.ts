// Reads arguments that are written as keyword arguments of Python, such as `city="Bonn", days=[1, 2]`, up to the closing bracket.
import type { ReadArguments } from './reader.ts';

const closing: Readonly<Record<string, string>> = { '[': ']', '(': ']', '{': '}' };
const words: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };
/** Escapes of Python that JSON writes in the same way. */
const sameEscapes = 'nrtbf"\\';

export class PythonReader {
  #json = '';
  #count = 0;
  /** The name of an argument so far. Undefined: its value is being read. */
  #name: string | undefined = '';
  /** The closing brackets of the open lists, tuples and dicts, as JSON writes them. */
  #open: string[] = [];
  /** The quote that ends the string that is being read. */
  #quote: string | undefined;
  /** The escape that is being read, after its backslash. */
  #escape: string | undefined;
  /** A number, True, False or None, so far. */
  #word = '';
  /** A comma comes before the next item. It is held back, because Python allows one after the last item. */
  #comma = false;
  /** The argument has a value. */
  #filled = false;

  read(text: string): ReadArguments {
    let taken = 0;
    let done = false;
    for (const char of text) {
      if (char === ')' && this.#quote === undefined && this.#open.length === 0) {
        this.#finish();
        done = true;
        break;
      }
      if (this.#name !== undefined) this.#readName(char, this.#name);
      else if (this.#quote !== undefined) this.#readString(char, this.#quote);
      else this.#readValue(char);
      taken += char.length;
    }
    const json = this.#json;
    this.#json = '';
    return { taken, json, done };
  }

  #readName(char: string, name: string): void {
    if (char === ',') this.#name = '';
    else if (char !== '=') this.#name = name + char;
    else {
      this.#json += `${this.#count++ === 0 ? '{' : ', '}${JSON.stringify(name.trim())}: `;
      this.#name = undefined;
      this.#filled = false;
    }
  }

  #readValue(char: string): void {
    const close = closing[char];
    if (char === '"' || char === "'") {
      this.#item('"');
      this.#quote = char;
    } else if (close !== undefined) {
      this.#item(close === ']' ? '[' : '{');
      this.#open.push(close);
    } else if (char === ',' && this.#open.length === 0) this.#endValue();
    else if (char === ',') {
      this.#endWord();
      this.#comma = true;
    } else if (char === ':') {
      this.#endWord(true);
      this.#json += ': ';
    } else if (']})'.includes(char)) this.#close();
    else if (char.trim() === '') this.#endWord();
    else this.#word += char;
  }

  #readString(char: string, quote: string): void {
    if (this.#escape !== undefined) this.#readEscape(this.#escape + char);
    else if (char === '\\') this.#escape = '';
    else if (char === quote) {
      this.#json += '"';
      this.#quote = undefined;
    } else this.#json += JSON.stringify(char).slice(1, -1);
  }

  /** `written` is the escape without its backslash, up to the last character that was read. */
  #readEscape(written: string): void {
    const digits = written.startsWith('u') ? 4 : written.startsWith('x') ? 2 : 0;
    const hex = written.slice(1);
    if (digits > 0 && /^[0-9a-fA-F]*$/.test(hex) && hex.length < digits) {
      this.#escape = written;
      return;
    }
    this.#escape = undefined;
    if (digits > 0 && /^[0-9a-fA-F]+$/.test(hex)) this.#json += `\\u${hex.padStart(4, '0')}`;
    else if (written === "'" || written === '/') this.#json += written;
    else if (sameEscapes.includes(written)) this.#json += `\\${written}`;
    // Python keeps the backslash of an escape that it does not know, and ignores a line break after a backslash.
    else if (written !== '\n') this.#json += JSON.stringify(`\\${written}`).slice(1, -1);
  }

  /** Begins a value or an item of one. */
  #item(json: string): void {
    this.#endWord();
    this.#json += this.#comma ? `, ${json}` : json;
    this.#comma = false;
    this.#filled = true;
  }

  /** `isKey`: the word is a key of a dict, which is a string in JSON. */
  #endWord(isKey = false): void {
    const word = this.#word;
    if (word === '') return;
    this.#word = '';
    this.#item(isKey ? JSON.stringify(word) : (words[word] ?? numberOf(word)));
  }

  #close(): void {
    this.#endWord();
    this.#comma = false;
    this.#json += this.#open.pop() ?? '';
  }

  #endValue(): void {
    this.#endWord();
    if (!this.#filled) this.#json += 'null';
    this.#name = '';
  }

  #finish(): void {
    if (this.#name === undefined) this.#endValue();
    this.#json += this.#count === 0 ? '{}' : '}';
  }
}

/** A word that is not a value of Python is a string. */
function numberOf(word: string): string {
  try {
    JSON.parse(word);
    return word;
  } catch {
    return JSON.stringify(word);
  }
}
