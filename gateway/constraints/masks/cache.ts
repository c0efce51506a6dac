// A cache that keeps the most recently used values, within bounds on their number and their bytes.

export interface CacheOptions {
  /** Most values; default 1,024. */
  count?: number;
  /** Most bytes of all values and keys; default 64 MiB. */
  bytes?: number;
}

/** `size` of a value is its number of bytes. */
export class Cache<Value extends { readonly size: number }> {
  /** The most recently used value is last. */
  readonly #entries = new Map<string, Value>();
  readonly #count: number;
  readonly #most: number;
  #bytes = 0;

  constructor({ count = 1024, bytes = 64 * 2 ** 20 }: CacheOptions = {}) {
    this.#count = count;
    this.#most = bytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /**
   * Adds the value and removes the least recently used ones beyond the bounds. Always keeps the added value, however large it is.
   */
  set(key: string, value: Value): void {
    this.#remove(key);
    this.#entries.set(key, value);
    this.#bytes += costOf(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size === 1 || (this.#entries.size <= this.#count && this.#bytes <= this.#most))
        return;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= costOf(key, value);
  }
}

function costOf(key: string, { size }: { readonly size: number }): number {
  return size + 2 * key.length + 200;
}
