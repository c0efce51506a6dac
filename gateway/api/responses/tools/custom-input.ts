// Extracts the text of a custom tool's call from the JSON that the model writes, {"input": "…"}, in pieces as they come.

/** The JSON is constrained to that form. What follows the string is ignored. */
export class CustomInput {
  #state: 'before' | 'key' | 'after key' | 'value' | 'done' = 'before';
  /** An incomplete escape from its backslash on. For a surrogate pair it includes both halves. */
  #escape = '';

  /** The characters that this piece completes. */
  push(json: string): string {
    let text = '';
    for (const character of json) text += this.#next(character);
    return text;
  }

  #next(character: string): string {
    switch (this.#state) {
      case 'before':
        if (character === '"') this.#state = 'key';
        return '';
      case 'key':
        if (character === '"') this.#state = 'after key';
        return '';
      case 'after key':
        if (character === '"') this.#state = 'value';
        return '';
      case 'value':
        return this.#value(character);
      case 'done':
        return '';
    }
  }

  #value(character: string): string {
    if (this.#escape === '' && character !== '\\') {
      if (character !== '"') return character;
      this.#state = 'done';
      return '';
    }
    this.#escape += character;
    if (!isWhole(this.#escape)) return '';
    const text: string = JSON.parse(`"${this.#escape}"`);
    this.#escape = '';
    return text;
  }
}

/** `\n`, `é`, or both halves of a pair. */
function isWhole(begun: string): boolean {
  if (/^\\u[dD][89abAB]/.test(begun)) return begun.length === 12;
  return begun.startsWith('\\u') ? begun.length === 6 : begun.length === 2;
}
