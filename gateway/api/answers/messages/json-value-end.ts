// Finds where a JSON value ends in text that comes in pieces. Does not check whether it is valid.

export class JsonValueEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /**
   * Returns how many code units of `text` belong to the value, or undefined if the value continues. The
   * value begins with the first piece.
   */
  find(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (this.#inString) {
        if (this.#endsString(char) && this.#depth === 0) return at + 1;
      } else if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if (char === '}' || char === ']') {
        if (this.#depth === 0) return at; // this bracket ends the container of a number or a word
        if (--this.#depth === 0) return at + 1;
      } else if (this.#depth === 0 && /[\s,]/.test(char)) return at;
    }
    return undefined;
  }

  #endsString(char: string): boolean {
    if (this.#escaped) this.#escaped = false;
    else if (char === '\\') this.#escaped = true;
    else if (char === '"') this.#inString = false;
    return !this.#inString;
  }
}
