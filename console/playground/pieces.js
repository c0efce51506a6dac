// Finds the tokens of an answer by their place in the answer's text.

/**
 * @typedef {{ text: string, route: number[][] }} Token
 * @typedef {{ from: number, to: number, token: number }} Piece a piece of the text; token: index of the piece's last token
 */

export class Pieces {
  text = '';
  /** @type {Token[]} */
  tokens = [];
  /** @type {Piece[]} */
  #pieces = [];
  /** @type {number[]} by token */
  #pieceOf = [];

  /**
   * @param {string} text
   * @param {readonly number[][][]} routes of the tokens of the text; one character may consist of several tokens
   */
  add(text, routes) {
    for (const route of routes) {
      this.tokens.push({ text, route });
      this.#pieceOf.push(this.#pieces.length);
    }
    const from = this.text.length;
    this.text += text;
    this.#pieces.push({ from, to: this.text.length, token: this.tokens.length - 1 });
  }

  /**
   * The pieces of the text from `from` to `to`.
   * @param {number} from
   * @param {number} to
   * @returns {{ index: number, from: number, to: number }[]}
   */
  within(from, to) {
    /** @type {{ index: number, from: number, to: number }[]} */
    const found = [];
    for (let index = this.#indexAt(from); from < to; index++) {
      const piece = this.#pieces[index];
      if (piece === undefined) break;
      const end = Math.min(to, piece.to);
      if (end > from) found.push({ index, from, to: end });
      from = Math.max(from, end);
    }
    return found;
  }

  /**
   * @param {number} index of a piece
   * @returns {number | undefined} undefined if no token is known
   */
  tokenOf(index) {
    const token = this.#pieces[index]?.token;
    return token === undefined || token < 0 ? undefined : token;
  }

  /** @param {number} token */
  pieceOf(token) {
    return this.#pieceOf[token];
  }

  /** @param {number} at */
  #indexAt(at) {
    let [low, high] = [0, this.#pieces.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#pieces[middle]?.to ?? 0) > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
