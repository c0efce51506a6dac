// Limits the memory of all requests and answers that are in progress, and the share of each tenant.

/** The memory that is counted for one request or answer. */
export interface Holding {
  /** Adds `bytes`. Returns false if they are not free for this tenant now. */
  grow(bytes: number): boolean;
  /** Frees all bytes of this holding. */
  release(): void;
}

/** A holding takes bytes from the ledger in chunks of this size, so that most answers do so only a few times. */
const CHUNK = 64 * 1024;

/** A tenant may hold at most as many bytes as remain free: if it is alone, half of `limit`. So no tenant can lock out another. */
export class MemoryLedger {
  /** Bytes for all tenants together. */
  readonly limit: number;
  readonly #held = new Map<string | undefined, number>();
  #total = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Largest size of one answer in bytes. A tenant that is alone has room for two such answers. */
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
