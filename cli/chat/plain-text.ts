// Takes out of a model's text what would drive a terminal: escape sequences and control characters. Knows no terminal.

/** Where the text so far ends: in plain text, behind an escape, within `ESC [ …`, or within a string such as `ESC ] …`. */
type State = 'text' | 'escape' | 'sequence' | 'string';

const ESCAPE = '\x1b';
const BELL = '\x07';
/** What begins a string of any length: device control, title and links, and others, by their letters behind an escape. */
const STRINGS = 'PX]^_';

/** Of one answer, whose pieces may cut a sequence anywhere. */
export class PlainText {
  #state: State = 'text';

  /** The next piece, with nothing in it but characters that print, line ends and tabs. */
  push(piece: string): string {
    let plain = '';
    for (const character of piece) plain += this.#next(character);
    return plain;
  }

  #next(character: string): string {
    switch (this.#state) {
      case 'escape':
        this.#state = afterEscape(character);
        return this.#state === 'text' && isControl(character) ? this.#next(character) : '';
      case 'sequence':
        // Parameters, until a letter; anything else was no sequence, and ends it.
        if (/[\x20-\x3f]/.test(character)) return '';
        this.#state = 'text';
        return /[\x40-\x7e]/.test(character) ? '' : this.#next(character);
      case 'string':
        // A string that never ends must not swallow the rest of an answer: its line's end is enough.
        if (character === ESCAPE) this.#state = 'escape';
        else if (character === BELL || character === '\x9c') this.#state = 'text';
        else if (character === '\n') {
          this.#state = 'text';
          return character;
        }
        return '';
      case 'text':
        if (character === ESCAPE) this.#state = 'escape';
        else if (character === '\x9b') this.#state = 'sequence';
        else if (/[\x90\x98\x9d-\x9f]/.test(character)) this.#state = 'string';
        return isControl(character) ? '' : character;
    }
  }
}

function afterEscape(character: string): State {
  if (character === ESCAPE) return 'escape';
  if (character === '[') return 'sequence';
  return STRINGS.includes(character) ? 'string' : 'text';
}

/** A carriage return is one: it would let a later text cover an earlier one. */
function isControl(character: string): boolean {
  return /\p{Cc}/u.test(character) && character !== '\n' && character !== '\t';
}
