// Wraps text between words at the edge of a terminal, piece by piece. Knows the widths of characters, but no terminal.

/** East Asian wide and full-width characters, and pictures. https://www.unicode.org/reports/tr11/ */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]/u;
/** Half-width forms of them. */
const NARROW = /^[\uff61-\uffdc]/u;
/** Selects the wide picture of a character that is narrow otherwise. */
const PICTURE = '\ufe0f';
/** Characters that may not begin a line. */
const CLOSING = /^[\p{Pe}\p{Pf}.,!?;:…、。，．！？：；]/u;
const TAB = 8;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Cells that one character takes, including its combining marks. Not for line ends and tabs. */
export function cellsOf(character: string): number {
  if (/^[\p{Mark}\p{Cf}]*$/u.test(character)) return 0;
  if (NARROW.test(character)) return 1;
  return WIDE.test(character) || character.includes(PICTURE) ? 2 : 1;
}

/** Characters without a place between them where a line may end. */
interface Run {
  text: string;
  cells: number;
}

const nothing = (): Run => ({ text: '', cells: 0 });

/** For one text. A word is returned when its end is known. The terminal breaks a word that is longer than a line. */
export class WordWrap {
  readonly #columns: () => number;
  /** Cells of the line that are used. */
  #column = 0;
  /** Spaces after the last word; dropped if the next word begins a line. */
  #spaces = nothing();
  #word = nothing();
  /** The word ends in a wide character, after which a line may end. */
  #isWide = false;
  /** The word is the rest of a word that has filled its line. */
  #isRest = false;
  /** The last character of a piece, because the next piece may combine with it. */
  #held = '';

  /** `columns` is called at each word, because a terminal may change its size. */
  constructor(columns: () => number) {
    this.#columns = columns;
  }

  /** Takes the next piece; returns what can be printed by now. */
  push(piece: string): string {
    const characters = Array.from(segmenter.segment(this.#held + piece), ({ segment }) => segment);
    const last = characters.at(-1) ?? '';
    this.#held = /\s/.test(last) ? '' : last;
    if (this.#held !== '') characters.pop();
    return characters.map((character) => this.#take(character)).join('');
  }

  /** Returns the rest when the text has ended. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    const rest = (held === '' ? '' : this.#take(held)) + this.#endWord();
    const { text, cells } = this.#spaces;
    this.#spaces = nothing();
    if (this.#column + cells > this.#columns()) return rest;
    this.#column += cells;
    return rest + text;
  }

  #take(character: string): string {
    if (/^[\r\n]/.test(character)) return this.#endLine();
    if (character === ' ' || character === '\t') {
      const word = this.#endWord();
      const at = this.#column + this.#spaces.cells;
      this.#spaces.text += character;
      this.#spaces.cells += character === ' ' ? 1 : TAB - (at % TAB);
      return word;
    }
    const cells = cellsOf(character);
    const mayBreak = (cells === 2 || this.#isWide) && !CLOSING.test(character);
    const isFull = this.#word.cells + cells > this.#columns();
    const before = mayBreak || isFull ? this.#endWord() : '';
    if (isFull && !mayBreak) this.#isRest = true;
    this.#word.text += character;
    this.#word.cells += cells;
    if (cells > 0) this.#isWide = cells === 2;
    return before;
  }

  #endLine(): string {
    const word = this.#endWord();
    this.#spaces = nothing();
    this.#column = 0;
    return `${word}\n`;
  }

  /** The word after its spaces, or after a line end if the line has no room for both. */
  #endWord(): string {
    const [word, spaces, columns] = [this.#word, this.#spaces, this.#columns()];
    if (word.text === '') return '';
    this.#word = nothing();
    this.#spaces = nothing();
    this.#isWide = false;
    const isRest = this.#isRest;
    this.#isRest = false;
    // A terminal that has become narrower, or a word longer than a line, makes the terminal break the line itself.
    if (this.#column > columns) this.#column = ((this.#column - 1) % columns) + 1;
    const breaks = !isRest && this.#column > 0 && this.#column + spaces.cells + word.cells > columns;
    this.#column = breaks ? word.cells : this.#column + spaces.cells + word.cells;
    return (breaks ? '\n' : spaces.text) + word.text;
  }
}

/** A whole text. */
export function wrapWords(text: string, columns: number): string {
  const wrap = new WordWrap(() => columns);
  return wrap.push(text) + wrap.end();
}
