// Removes from a model's text what would control a terminal: escape sequences and control characters.

/** Where the text so far ends: in plain text, after an escape, within `ESC [ …`, or within a string such as `ESC ] …`. */
type State = 'text' | 'escape' | 'sequence' | 'string';

const ESCAPE = '\x1b';
const BELL = '\x07';
/** Letters that, after an escape, begin a string of any length: device control, titles, links and others. */
const STRINGS = 'PX]^_';

/** For one answer, whose pieces may cut a sequence anywhere. */
export class PlainText {
  #state: State = 'text';

  /** Returns the next piece with only printable characters, line ends and tabs. */
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
        // Parameters up to a letter; any other character ends the sequence.
        if (/[\x20-\x3f]/.test(character)) return '';
        this.#state = 'text';
        return /[\x40-\x7e]/.test(character) ? '' : this.#next(character);
      case 'string':
        // A string also ends with its line, so that one without an end does not swallow the rest of the answer.
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

/** Includes the carriage return, which would let later text overwrite earlier text. */
function isControl(character: string): boolean {
  return /\p{Cc}/u.test(character) && character !== '\n' && character !== '\t';
}
