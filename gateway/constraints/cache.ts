// Compiled grammars by what they were compiled from, those used last; bounded by number and by bytes. Knows no grammar.

export interface CacheOptions {
  count?: number;
  bytes?: number;
}

export class GrammarCache<Value extends { readonly size: number }> {
  readonly #entries = new Map<string, Value>();
  readonly #count: number;
  readonly #bytes: number;

  constructor({ count = 128, bytes = 128 * 2 ** 20 }: CacheOptions = {}) {
    this.#count = count;
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What `make` throws is thrown on, and nothing is remembered. */
  get(key: string, make: () => Value): Value {
    const value = this.#entries.get(key) ?? make();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    this.#shrink();
    return value;
  }

  /** Entries grow while they are used, so all are added up each time. */
  #shrink(): void {
    let bytes = 0;
    for (const [key, value] of this.#entries) bytes += value.size + 2 * key.length;
    for (const [key, value] of this.#entries) {
      if (this.#entries.size <= 1) return;
      if (this.#entries.size <= this.#count && bytes <= this.#bytes) return;
      this.#entries.delete(key);
      bytes -= value.size + 2 * key.length;
    }
  }
}
