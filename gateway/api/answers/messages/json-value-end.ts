// Finds where a JSON value ends in text that arrives in pieces. Does not check whether the value is valid JSON.

export class JsonValueEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Whether the text so far ends within a string. */
  get inString(): boolean {
    return this.#inString;
  }

  /**
   * Takes the next piece of text; the first piece begins with the value. Returns the number of code units of the piece that belong
   * to the value, or undefined if the value does not end in this piece.
   */
  find(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (this.#inString) {
        if (this.#endsString(char) && this.#depth === 0) return at + 1;
      } else if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if (char === '}' || char === ']') {
        if (this.#depth === 0) return at; // The value is a number, true, false or null, and this bracket ends its container.
        if (--this.#depth === 0) return at + 1;
      } else if (this.#depth === 0 && /[\s,]/.test(char)) return at;
    }
    return undefined;
  }

  /** Reads a character of a string. Returns true if the character ends the string. */
  #endsString(char: string): boolean {
    if (this.#escaped) this.#escaped = false;
    else if (char === '\\') this.#escaped = true;
    else if (char === '"') this.#inString = false;
    return !this.#inString;
  }
}
