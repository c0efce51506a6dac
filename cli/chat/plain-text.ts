// Removes escape sequences and control characters from a model's text, because they would control the user's terminal.

/** The position at the end of the text so far: in plain text, after ESC, within `ESC [ …`, or within a string such as `ESC ] …`. */
type State = 'text' | 'escape' | 'sequence' | 'string';

const ESCAPE = '\x1b';
const BELL = '\x07';
/** After ESC, each of these characters begins a string of any length, such as a window title or a link. */
const STRINGS = 'PX]^_';

/** The filter for one answer. A sequence may be spread over several pieces. */
export class PlainText {
  #state: State = 'text';

  /** Takes the next piece. Returns its printable characters, line ends and tabs. */
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
        // A sequence consists of parameters and a final letter. Any other character also ends it, and is text.
        if (/[\x20-\x3f]/.test(character)) return '';
        this.#state = 'text';
        return /[\x40-\x7e]/.test(character) ? '' : this.#next(character);
      case 'string':
        // A string also ends at a line end. Otherwise, an unfinished string would remove the rest of the answer.
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

/** True for all control characters except line end and tab. A carriage return would let later text overwrite earlier text. */
function isControl(character: string): boolean {
  return /\p{Cc}/u.test(character) && character !== '\n' && character !== '\t';
}
