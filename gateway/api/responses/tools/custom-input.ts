// Extracts the text of a custom tool's call from the JSON that the model writes, {"input": "…"}, while its pieces arrive.

/** Relies on a constraint that gives the JSON exactly this form. */
export class CustomInput {
  /** Number of quotes so far. The text is between the third and the fourth. */
  #quotes = 0;
  /** An incomplete escape, from its backslash on. The two escapes of a surrogate pair count as one. */
  #escape = '';

  /** Returns the part of the text that this piece of the JSON completes. */
  push(json: string): string {
    let text = '';
    for (const character of json) {
      const inText = this.#quotes === 3 && (this.#escape !== '' || character !== '"');
      if (inText) text += this.#decoded(character);
      else if (character === '"') this.#quotes++;
    }
    return text;
  }

  #decoded(character: string): string {
    if (this.#escape === '' && character !== '\\') return character;
    this.#escape += character;
    if (!isWhole(this.#escape)) return '';
    const text: string = JSON.parse(`"${this.#escape}"`);
    this.#escape = '';
    return text;
  }
}

/** Whether an escape is complete: `\n`, `\u00e9`, or both halves of a surrogate pair. */
function isWhole(begun: string): boolean {
  if (/^\\u[dD][89abAB]/.test(begun)) return begun.length === 12;
  return begun.startsWith('\\u') ? begun.length === 6 : begun.length === 2;
}
