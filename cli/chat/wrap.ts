// Wraps text between words at the width of a terminal. The text arrives in pieces.

/** Characters that take two cells: East Asian wide and full-width characters, and emoji. https://www.unicode.org/reports/tr11/ */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]/u;
/** Half-width forms of East Asian characters. They take one cell. */
const NARROW = /^[\uff61-\uffdc]/u;
/** Variation selector 16: it turns a narrow character into a wide emoji. */
const PICTURE = '\ufe0f';
/** Punctuation that must not begin a line. */
const CLOSING = /^[\p{Pe}\p{Pf}.,!?;:…、。，．！？：；]/u;
const TAB = 8;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Number of terminal cells of one character with its combining marks. `character` must not be a line end or a tab. */
export function cellsOf(character: string): number {
  if (/^[\p{Mark}\p{Cf}]*$/u.test(character)) return 0;
  if (NARROW.test(character)) return 1;
  return WIDE.test(character) || character.includes(PICTURE) ? 2 : 1;
}

/** Characters that stay on one line. */
interface Run {
  text: string;
  cells: number;
}

const nothing = (): Run => ({ text: '', cells: 0 });

/** Wraps one text. A word is returned when its end is known. The terminal itself breaks a word that is longer than a line. */
export class WordWrap {
  readonly #columns: () => number;
  /** Number of used cells in the line. */
  #column = 0;
  /** Spaces after the last word. They are dropped if the next word begins a line. */
  #spaces = nothing();
  #word = nothing();
  /** True if the word ends in a wide character. A line may end after it. */
  #isWide = false;
  /** True if the word is the rest of a longer word that has filled its line. */
  #isRest = false;
  /** The last character of the last piece. The next piece may begin with a mark that combines with it. */
  #held = '';

  /** `columns` returns the width of the terminal. It is called at each word, because the size may change. */
  constructor(columns: () => number) {
    this.#columns = columns;
  }

  /** Takes the next piece. Returns the text that can be printed now. */
  push(piece: string): string {
    const characters = Array.from(segmenter.segment(this.#held + piece), ({ segment }) => segment);
    const last = characters.at(-1) ?? '';
    this.#held = /\s/.test(last) ? '' : last;
    if (this.#held !== '') characters.pop();
    return characters.map((character) => this.#take(character)).join('');
  }

  /** Ends the text, and returns the part that `push` has not returned. */
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

  /** Returns the spaces and the word. If the line has no room for both, returns a line end and the word. */
  #endWord(): string {
    const [word, spaces, columns] = [this.#word, this.#spaces, this.#columns()];
    if (word.text === '') return '';
    this.#word = nothing();
    this.#spaces = nothing();
    this.#isWide = false;
    const isRest = this.#isRest;
    this.#isRest = false;
    // The terminal itself has broken the line if the terminal has become narrower or if a word is longer than a line.
    if (this.#column > columns) this.#column = ((this.#column - 1) % columns) + 1;
    const breaks = !isRest && this.#column > 0 && this.#column + spaces.cells + word.cells > columns;
    this.#column = breaks ? word.cells : this.#column + spaces.cells + word.cells;
    return (breaks ? '\n' : spaces.text) + word.text;
  }
}

/** Wraps a whole text. */
export function wrapWords(text: string, columns: number): string {
  const wrap = new WordWrap(() => columns);
  return wrap.push(text) + wrap.end();
}
