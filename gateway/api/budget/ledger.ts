// Limits the memory that requests and answers under way take together, and each tenant's share of it.

/** The memory of one request or answer. */
export interface Holding {
  /** Takes so many more bytes. Returns false if they are not free for this tenant now. */
  grow(bytes: number): boolean;
  /** Returns all of its bytes. */
  release(): void;
}

/** Bytes that a holding takes at a time, so that most answers ask the ledger only a few times. */
const CHUNK = 64 * 1024;

/** A tenant may hold as much as is still free. Alone it gets half of all, so that no tenant locks out another. */
export class MemoryLedger {
  /** Bytes. */
  readonly limit: number;
  readonly #held = new Map<string | undefined, number>();
  #total = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Largest size of one holding in bytes, so that a tenant that is alone has room for two. */
  get largest(): number {
    return this.limit / 4;
  }

  /** Bytes that all tenants together hold. */
  get held(): number {
    return this.#total;
  }

  open(tenant: string | undefined): Holding {
    let asked = 0;
    let taken = 0;
    return {
      grow: (bytes) => {
        asked += bytes;
        const more = Math.ceil(Math.max(0, asked - taken) / CHUNK) * CHUNK;
        if (more === 0) return true;
        if ((this.#held.get(tenant) ?? 0) + more > this.limit - this.#total) return false;
        this.#add(tenant, more);
        taken += more;
        return true;
      },
      release: () => {
        this.#add(tenant, -taken);
        asked = 0;
        taken = 0;
      },
    };
  }

  #add(tenant: string | undefined, bytes: number): void {
    const own = (this.#held.get(tenant) ?? 0) + bytes;
    if (own > 0) this.#held.set(tenant, own);
    else this.#held.delete(tenant);
    this.#total += bytes;
  }
}
