// Breaks text at the edge of a terminal between words, as it comes piece by piece. Knows widths of characters, no terminal.

/** East Asian wide and full-width characters, and pictures. https://www.unicode.org/reports/tr11/ */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]/u;
/** Half-width forms of them. */
const NARROW = /^[\uff61-\uffdc]/u;
/** Asks for the picture of a sign that is narrow otherwise. */
const PICTURE = '\ufe0f';
/** What does not begin a line. */
const CLOSING = /^[\p{Pe}\p{Pf}.,!?;:…、。，．！？：；]/u;
const TAB = 8;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Cells that one character, with all that combines with it, takes. Line ends and tabs are not asked. */
export function cellsOf(character: string): number {
  if (/^[\p{Mark}\p{Cf}]*$/u.test(character)) return 0;
  if (NARROW.test(character)) return 1;
  return WIDE.test(character) || character.includes(PICTURE) ? 2 : 1;
}

/** Characters that stand side by side until one at which a line may end. */
interface Run {
  text: string;
  cells: number;
}

const nothing = (): Run => ({ text: '', cells: 0 });

/** Of one text. A word is given once its end is known. One that is longer than a line is left to the terminal. */
export class WordWrap {
  readonly #columns: () => number;
  /** Cells of the line that are taken. */
  #column = 0;
  /** Behind the last word; left out if the next one begins a line. */
  #spaces = nothing();
  #word = nothing();
  /** The word ends in a wide character, behind which a line may end. */
  #isWide = false;
  /** The word is the rest of one that has filled its line. */
  #isRest = false;
  /** What a piece ended with: the next one may combine with it. */
  #held = '';

  /** `columns` is asked at each word: a terminal may change its size. */
  constructor(columns: () => number) {
    this.#columns = columns;
  }

  /** The next piece, as far as it can be printed. */
  push(piece: string): string {
    const characters = Array.from(segmenter.segment(this.#held + piece), ({ segment }) => segment);
    const last = characters.at(-1) ?? '';
    this.#held = /\s/.test(last) ? '' : last;
    if (this.#held !== '') characters.pop();
    return characters.map((character) => this.#take(character)).join('');
  }

  /** What is left when the text has ended. */
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

  /** The word behind its spaces, or behind a line end if the line has no room for both. */
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
