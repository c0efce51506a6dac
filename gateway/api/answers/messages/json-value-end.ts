// Finds where a JSON value ends in text that comes in pieces. Does not check that it is one.

export class JsonValueEnd {
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** The value begins with the first piece. Code units of `text` up to the value's end; undefined: it goes on. */
  find(text: string): number | undefined {
    for (let at = 0; at < text.length; at++) {
      const char = text.charAt(at);
      if (this.#inString) {
        if (this.#endsString(char) && this.#depth === 0) return at + 1;
      } else if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if (char === '}' || char === ']') {
        if (this.#depth === 0) return at; // of what is around a number or a word
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
