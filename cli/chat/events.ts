// Parses server-sent events.

/** Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, but ignores ids and names. */
export class EventReader {
  readonly #decoder = new TextDecoder();
  #held = '';
  #data: string[] = [];

  /** Returns the data of each event that ends in these bytes. */
  push(bytes: Uint8Array): string[] {
    const lines = (this.#held + this.#decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.#held = lines.pop() ?? '';
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): string[] {
    if (line === '') {
      const data = this.#data;
      this.#data = [];
      return data.length > 0 ? [data.join('\n')] : [];
    }
    const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'data') this.#data.push(value);
    return [];
  }
}
